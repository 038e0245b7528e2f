"""The views over the tables, and what their columns mean.

They are compared by what was recorded when they were last made, as PostgreSQL keeps no view as it was written. They are
replaced and not dropped, so that grants on them stay: columns may be added to their end only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import GOOD, MEANINGS, Table
from airflow_provider_k8s_inventory.postgres.migrations import deprecations, historyviews, ownership, questions
from airflow_provider_k8s_inventory.postgres.migrations.tables import Change
from airflow_provider_k8s_inventory.postgres.migrations.view import View
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.resources.shared import SHARED_NAMES

_SECURITY_INVOKER: Final = 150000
"""The first version whose views can be read with the reader's rights, so that row-level security holds in them."""

_FRESHNESS: Final = """
SELECT context_name, resource, namespaces, last_success_at, now() - last_success_at AS age,
    last_status, last_reason, last_finished_at, last_host, label_selector, field_selector
FROM {scopes}
"""

_HEALTH: Final = """
WITH scope AS MATERIALIZED (
    SELECT *, array_position(
        ARRAY[{statuses}], last_status
    ) AS place
    FROM {freshness}
)
SELECT worst.context_name, cluster.cluster_uid, cluster.cluster_name, cluster.server, cluster.kubernetes_version,
    worst.last_status AS status, worst.resource, worst.last_reason AS reason,
    counts.scopes, counts.good_scopes, counts.scopes - counts.good_scopes AS bad_scopes, counts.never_synced,
    counts.last_success_at, counts.oldest_age, counts.last_finished_at
FROM (
    SELECT DISTINCT ON (context_name) * FROM scope ORDER BY context_name, place, age DESC NULLS FIRST, resource
) AS worst
JOIN (
    SELECT context_name,
        count(*) AS scopes,
        count(*) FILTER (WHERE last_status IN ({good})) AS good_scopes,
        count(*) FILTER (WHERE last_success_at IS NULL) AS never_synced,
        max(last_success_at) AS last_success_at,
        max(age) AS oldest_age,
        max(last_finished_at) AS last_finished_at
    FROM scope
    GROUP BY context_name
) AS counts USING (context_name)
LEFT JOIN LATERAL (
    SELECT * FROM {clusters} AS c
    WHERE c.context_name = worst.context_name
    ORDER BY c.deleted_at IS NOT NULL, c.changed_at DESC
    LIMIT 1
) AS cluster ON true
"""


def changes(cursor: psycopg.Cursor[Any], schema: str, below: Iterable[Change]) -> list[Change]:
    """List the steps that make the views the declared ones, the changes of the tables among them.

    :param below: the changes of the tables.
    """
    below = list(below)
    destroyed = any(change.destroys for change in below)
    found: list[Change] = []
    if destroyed:
        names = [view.name for view in reversed(_views(schema)) if view.of_tables]
        drop = sql.SQL("DROP VIEW IF EXISTS {}").format(
            sql.SQL(", ").join(sql.Identifier(schema, name) for name in names)
        )
        found.append(Change(name=f"views {', '.join(names)} dropped", statements=[drop]))
    found += below
    for view in _views(schema):
        change = Change(name=f"view {view.name}", statements=list(_statements(cursor, schema, view)))
        if (view.of_tables and destroyed) or not (_is_there(cursor, schema, view.name) and change.is_done(cursor)):
            found.append(change)
    return found


def _is_there(cursor: psycopg.Cursor[Any], schema: str, name: str) -> bool:
    found = cursor.execute("SELECT to_regclass(%s)", [sql.Identifier(schema, name).as_string(cursor)]).fetchone()
    return found != (None,)


def _statements(cursor: psycopg.Cursor[Any], schema: str, view: View) -> Iterator[sql.Composed]:
    name = sql.Identifier(schema, view.name)
    invoker = cursor.connection.info.server_version >= _SECURITY_INVOKER
    yield sql.SQL("CREATE OR REPLACE VIEW {} {} AS {}").format(
        name, sql.SQL("WITH (security_invoker = true)" if invoker else ""), view.query
    )
    yield sql.SQL("COMMENT ON VIEW {} IS {}").format(name, sql.Literal(view.comment))
    for column, comment in view.columns.items():
        yield sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(name, sql.Identifier(column), sql.Literal(comment))


def _views(schema: str) -> tuple[View, ...]:
    """Declare the views, each after those it shows."""
    scopes, freshness, clusters = (
        sql.Identifier(schema, name) for name in ("k8s_scopes", "k8s_freshness", "k8s_clusters")
    )
    return (
        View(
            name="k8s_objects",
            query=sql.SQL(" UNION ALL ").join(_branch(schema, table) for table in resources.TABLES),
            comment="Every object of every resource: the columns they share",
            columns={
                **{column.name: column.comment for column in custom.TABLE.columns if column.name in SHARED_NAMES},
                "resource": "The resource: pods, deployments, certificates.cert-manager.io",
            },
        ),
        View(
            name="k8s_freshness",
            query=sql.SQL(_FRESHNESS).format(scopes=scopes),
            comment="Per scope: when it was last known to be what the cluster says, and how the last sync ended",
            columns={
                "context_name": "The kubeconfig context",
                "resource": "The resource",
                "namespaces": "The namespaces it is narrowed to; NULL: all",
                "last_success_at": "When the rows were last known to be what the cluster says; NULL: never",
                "age": "How long ago that was; NULL: never",
                "last_status": "How the last sync ended that was not turned away by another one (busy)",
                "last_reason": "Why that was no success, and what to do",
                "last_finished_at": "When it ended",
                "last_host": "The machine it ran on",
                "label_selector": "The label selector it is narrowed by; NULL: none",
                "field_selector": "The field selector it is narrowed by; NULL: none",
            },
            of_tables=False,
        ),
        View(
            name="k8s_cluster_health",
            query=sql.SQL(_HEALTH).format(
                freshness=freshness,
                clusters=clusters,
                statuses=sql.SQL(", ").join(map(sql.Literal, MEANINGS)),
                good=sql.SQL(", ").join(map(sql.Literal, GOOD)),
            ),
            comment="Per context: how many of its scopes are good, the worst of them, and how old the oldest is",
            columns={
                "context_name": "The kubeconfig context",
                "cluster_uid": "The cluster; NULL when clusters was not synced",
                "cluster_name": "The cluster's name in the kubeconfig; NULL when clusters was not synced",
                "server": "The API server's URL; NULL when clusters was not synced",
                "kubernetes_version": "gitVersion of /version; NULL when clusters was not synced",
                "status": "The worst status that the last sync of a scope ended with",
                "resource": "The resource of that scope",
                "reason": "Why it was no success, and what to do",
                "scopes": "How many scopes were ever synced",
                "good_scopes": "How many of them ended well the last time: success or absent",
                "bad_scopes": "How many did not",
                "never_synced": "How many never ended well",
                "last_success_at": "When a scope last ended well",
                "oldest_age": "How long ago the scope ended well for which that is longest; see never_synced too",
                "last_finished_at": "When a sync last ended, whatever its end",
            },
        ),
        *questions.views(schema),
        ownership.owner_tree(schema),
        deprecations.deprecated_apis(schema),
        *historyviews.views(schema),
    )


def _branch(schema: str, table: Table) -> sql.Composed:
    own = set(SHARED_NAMES) - (set() if table.namespaced else {"namespace"})
    definition = resources.BY_TABLE.get(table.name)
    resource = sql.Literal(definition.name) if definition else sql.Identifier("resource")
    return sql.SQL("SELECT {}, {}::text AS resource FROM {}").format(
        sql.SQL(", ").join(_column(name, own) for name in SHARED_NAMES),
        resource,
        sql.Identifier(schema, table.name),
    )


def _column(name: str, own: Iterable[str]) -> sql.Composable:
    # Cluster-wide resources have no such column.
    return sql.Identifier(name) if name in own else sql.SQL("NULL::text AS {}").format(sql.Identifier(name))
