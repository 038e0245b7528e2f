"""The ledger: one row of ``k8s_syncs`` per sync, whatever its end. Its tables and views are made in `migrations`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.model import Scope, SyncReport

_FIELDS: Final = (
    "context_name",
    "cluster_uid",
    "resource",
    "namespaces",
    "mode",
    "fallback",
    "shape",
    "status",
    "reason",
    "started_at",
    "finished_at",
    "resource_version",
    "pages",
    "bytes",
    "seen",
    "inserted",
    "updated",
    "unchanged",
    "deleted",
    "drift",
    "warnings",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "try_number",
)


def record(cursor: psycopg.Cursor[Any], schema: str, report: SyncReport) -> None:
    """Write the report's row, in the caller's transaction."""
    fields = report.as_dict()
    fields["namespaces"] = fields["namespaces"] or None
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(schema, "k8s_syncs"),
            sql.SQL(", ").join(map(sql.Identifier, _FIELDS)),
            sql.SQL(", ").join(sql.Placeholder(name) for name in _FIELDS),
        ),
        fields,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What is known of a scope's rows from its last good sync."""

    resource_version: str | None
    cluster_uids: frozenset[str | None]
    """Which clusters rows of the scope were read from since; more than one when another scope shares some of them."""
    shapes: frozenset[str | None]
    """What those rows were made of."""
    unverified: int
    """How many syncs since one that compared every object."""
    verified_today: bool
    """Whether that was within a day."""


_STATE: Final = """
WITH good AS NOT MATERIALIZED (
    SELECT * FROM {ledger}
    WHERE context_name = %(context_name)s AND resource = %(resource)s AND status IN ('success', 'absent')
), own AS NOT MATERIALIZED (
    SELECT * FROM good WHERE namespaces IS NOT DISTINCT FROM %(namespaces)s::text[]
), last AS (
    SELECT id, resource_version FROM own ORDER BY id DESC LIMIT 1
), verified AS (
    SELECT id, finished_at FROM own WHERE mode <> 'delta' OR drift IS NOT NULL ORDER BY id DESC LIMIT 1
), writers AS (
    SELECT array_agg(DISTINCT cluster_uid) AS cluster_uids, array_agg(DISTINCT shape) AS shapes FROM good
    WHERE id >= (SELECT id FROM last)
        AND (namespaces IS NULL OR %(namespaces)s::text[] IS NULL OR namespaces && %(namespaces)s::text[])
)
SELECT last.resource_version, writers.cluster_uids, writers.shapes,
    (SELECT count(*) FROM own WHERE id > (SELECT id FROM verified)),
    EXISTS (SELECT FROM verified WHERE finished_at > now() - interval '1 day')
FROM last, writers
"""


def last_state(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> State | None:
    """What the last good sync of a scope left; None when there was none."""
    cursor.execute(
        sql.SQL(_STATE).format(ledger=sql.Identifier(schema, "k8s_syncs")),
        {
            "context_name": scope.context_name,
            "resource": scope.resource,
            "namespaces": list(scope.namespaces) or None,
        },
    )
    row = cursor.fetchone()
    if row is None:
        return None
    return State(
        resource_version=row[0],
        cluster_uids=frozenset(row[1]),
        shapes=frozenset(row[2]),
        unverified=row[3],
        verified_today=row[4],
    )
