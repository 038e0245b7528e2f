"""The views of the history: what changed, and since when and of what that is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from psycopg import sql

from airflow_provider_k8s_inventory.model import GOOD, TURNED_AWAY
from airflow_provider_k8s_inventory.postgres.migrations.view import View

_CHANGES: Final = """
SELECT id, before_at AS after, at AS not_later_than, context_name, resource, namespace, name, change, summary,
    changed_by, cluster_uid, uid, sync_id
FROM {history} ORDER BY id DESC
"""

# Each good sync begins an island, to which those that were none belong up to the next.
_COVERAGE: Final = """
SELECT context_name, resource, namespaces, label_selector, field_selector,
    CASE WHEN history_since IS NOT NULL THEN greatest(
        history_since, (SELECT max(kept.since) FROM {kept} AS kept WHERE kept.resource IN (scope.resource, ''))
    ) END AS known_since,
    last_success_began_at AS last_proven_at,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'from', gap.began_at, 'to', gap.ended_at, 'status', gap.status, 'reason', gap.reason
        ) ORDER BY gap.island), '[]')
        FROM (
            SELECT part.island, min(part.started_at) FILTER (WHERE part.good) AS began_at,
                lead(min(part.started_at) FILTER (WHERE part.good)) OVER (ORDER BY part.island) AS ended_at,
                (array_agg(part.status ORDER BY part.id DESC) FILTER (WHERE NOT part.good))[1] AS status,
                (array_agg(part.reason ORDER BY part.id DESC) FILTER (WHERE NOT part.good))[1] AS reason
            FROM (
                SELECT sync.*, sync.status IN ({good}) AS good,
                    count(*) FILTER (WHERE sync.status IN ({good})) OVER (ORDER BY sync.id) AS island
                FROM {syncs} AS sync
                WHERE sync.context_name = scope.context_name AND sync.resource = scope.resource
                    AND sync.namespaces IS NOT DISTINCT FROM scope.namespaces
                    AND sync.label_selector IS NOT DISTINCT FROM scope.label_selector
                    AND sync.field_selector IS NOT DISTINCT FROM scope.field_selector
                    AND sync.status NOT IN ({turned_away})
            ) AS part
            GROUP BY part.island
        ) AS gap
        WHERE gap.status IS NOT NULL
    ) AS gaps,
    last_status, last_reason
FROM {scopes} AS scope
"""


def views(schema: str) -> Iterator[View]:
    """Declare the views of a schema."""
    yield View(
        name="k8s_changes",
        query=sql.SQL(_CHANGES).format(history=sql.Identifier(schema, "k8s_history")),
        comment="What changed, newest first; several changes between two syncs are one",
        columns={
            "id": "Grows in the order of commits",
            "after": "The change came after this: when the sync began that last proved the old state",
            "not_later_than": "The change came not later than this: when a sync proved the new state",
            "context_name": "The kubeconfig context",
            "resource": "The resource",
            "namespace": "The namespace; NULL: the resource is in none",
            "name": "The name",
            "change": "created, updated, deleted, recreated (the name was there before) or unselected (it left the "
            "selection, and need not be gone)",
            "summary": "What changed, for a person: images web:1 → web:2, replicas 3 → 5",
            "changed_by": "The manager that managedFields name for what changed; NULL: they do not, or were not seen",
            "cluster_uid": "The cluster; NULL: it could not be told",
            "uid": "The uid",
            "sync_id": "The line of k8s_syncs, as long as that is kept",
        },
        of_tables=False,
    )
    yield View(
        name="k8s_coverage",
        query=sql.SQL(_COVERAGE).format(
            kept=sql.Identifier(schema, "k8s_history_kept"),
            scopes=sql.Identifier(schema, "k8s_scopes"),
            syncs=sql.Identifier(schema, "k8s_syncs"),
            good=sql.SQL(", ").join(map(sql.Literal, GOOD)),
            turned_away=sql.SQL(", ").join(map(sql.Literal, TURNED_AWAY)),
        ),
        comment="Per scope: since when its changes are known, and its gaps, in which no sync ended well",
        columns={
            "context_name": "The kubeconfig context",
            "resource": "The resource",
            "namespaces": "The namespaces it is narrowed to; NULL: all",
            "label_selector": "The label selector it is narrowed by; NULL: none",
            "field_selector": "The field selector it is narrowed by; NULL: none",
            "known_since": "Since when every change is known, but for what came and went between two syncs; NULL: no "
            "history is kept",
            "last_proven_at": "When the last good sync began: until then it is proven; NULL: there was none",
            "gaps": "Times between two good syncs with others in between, as from, to, status and reason of the last "
            "of those; from is null before the first good sync, to as long as the gap is open",
            "last_status": "How the last sync ended that was not turned away by another one (busy)",
            "last_reason": "Why that was no success, and what to do",
        },
        of_tables=False,
    )
