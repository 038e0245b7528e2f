"""The ledger: one row of ``k8s_syncs`` per sync, whatever its end. Its tables and views are made in `migrations`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from airflow_provider_k8s_inventory.model import Origin, Scope, Selection, SyncReport
from airflow_provider_k8s_inventory.postgres import schemas, sessions

_OWN: Final = tuple(field.name for field in fields(SyncReport) if field.name not in ("selection", "origin"))
_SELECTION: Final = tuple(field.name for field in fields(Selection))
_ORIGIN: Final = tuple(field.name for field in fields(Origin))
_FIELDS: Final = (*_OWN, *_SELECTION, *_ORIGIN)
"""The ledger's columns are the report's fields, and those of its selection and origin."""


def record(cursor: psycopg.Cursor[Any], schema: str, report: SyncReport) -> None:
    """Write the report's row, in the caller's transaction."""
    values = report.as_dict()
    values["namespaces"] = values["namespaces"] or None
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(schema, "k8s_syncs"),
            sql.SQL(", ").join(map(sql.Identifier, _FIELDS)),
            sql.SQL(", ").join(sql.Placeholder(name) for name in _FIELDS),
        ),
        values,
    )


def is_cluster_wide(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> bool:
    """Whether a custom resource is known to be outside of namespaces, by its rows or else by its definition."""
    cursor.execute(
        sql.SQL(
            "(SELECT namespace IS NULL FROM {rows}"
            " WHERE context_name = %(context)s AND resource = %(resource)s LIMIT 1)"
            " UNION ALL"
            " (SELECT scope = 'Cluster' FROM {crds} WHERE context_name = %(context)s AND name = %(resource)s LIMIT 1)"
        ).format(
            rows=sql.Identifier(schema, "k8s_custom_resources"),
            crds=sql.Identifier(schema, "k8s_crds"),
        ),
        {"context": scope.context_name, "resource": scope.resource},
    )
    return cursor.fetchone() == (True,)


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What is known of a scope's rows from its last good sync."""

    resource_version: str | None
    seen: int
    """How many rows it left."""
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
    SELECT id, resource_version, seen FROM own ORDER BY id DESC LIMIT 1
), verified AS (
    SELECT id, finished_at FROM own WHERE mode <> 'delta' OR drift IS NOT NULL ORDER BY id DESC LIMIT 1
), writers AS (
    SELECT array_agg(DISTINCT cluster_uid) AS cluster_uids, array_agg(DISTINCT shape) AS shapes FROM good
    WHERE id >= (SELECT id FROM last)
        AND (namespaces IS NULL OR %(namespaces)s::text[] IS NULL OR namespaces && %(namespaces)s::text[])
)
SELECT last.resource_version, last.seen, writers.cluster_uids, writers.shapes,
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
            "namespaces": list(scope.selection.namespaces) or None,
        },
    )
    row = cursor.fetchone()
    if row is None:
        return None
    return State(
        resource_version=row[0],
        seen=row[1],
        cluster_uids=frozenset(row[2]),
        shapes=frozenset(row[3]),
        unverified=row[4],
        verified_today=row[5],
    )


# A cleared task instance runs again under the next try number; a task that syncs several scopes has several rows.
_LATEST: Final = """
SELECT {columns} FROM (
    SELECT *, rank() OVER (PARTITION BY task_id, map_index ORDER BY try_number DESC) AS age
    FROM {ledger} WHERE dag_id = %s AND run_id = %s
) AS tries
WHERE age = 1 ORDER BY task_id, map_index, id
"""


def latest_reports(conn: psycopg.Connection, *, schema: str, dag_id: str, run_id: str) -> list[SyncReport]:
    """The reports of a run; of a task instance that was tried several times, those of the last time.

    :param conn: a connection outside of a transaction.
    :param schema: the schema of the ledger.
    :raises UsageError: when its name cannot be used.
    """
    schemas.check(schema)
    query = sql.SQL(_LATEST).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, _FIELDS)), ledger=sql.Identifier(schema, "k8s_syncs")
    )
    with sessions.transaction(conn) as cursor:
        return [_report(dict(zip(_FIELDS, row, strict=True))) for row in cursor.execute(query, (dag_id, run_id))]


def _report(row: Mapping[str, Any]) -> SyncReport:
    values = {name: row[name] for name in _OWN}
    values["warnings"] = tuple(row["warnings"])
    selection = Selection(namespaces=tuple(row["namespaces"] or ()))
    return SyncReport(**values, selection=selection, origin=Origin(**{name: row[name] for name in _ORIGIN}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """The earlier syncs of a scope, as far as the ledger goes back."""

    first_at: datetime | None
    """The end of the first one; None: there was none."""
    good_at: datetime | None
    """The end of the last good one."""


# By JSON, as an array of arrays must not be ragged.
_PAST: Final = """
SELECT first.finished_at, good.finished_at
FROM rows FROM (jsonb_to_recordset(%s) AS (context_name text, resource text, namespaces text[])) WITH ORDINALITY
    AS asked (context_name, resource, namespaces, place)
LEFT JOIN LATERAL (
    SELECT finished_at FROM {ledger} AS each
    WHERE each.context_name = asked.context_name AND each.resource = asked.resource
        AND each.namespaces IS NOT DISTINCT FROM asked.namespaces
    ORDER BY id LIMIT 1
) AS first ON true
LEFT JOIN LATERAL (
    SELECT finished_at FROM {ledger} AS each
    WHERE each.context_name = asked.context_name AND each.resource = asked.resource
        AND each.namespaces IS NOT DISTINCT FROM asked.namespaces AND status IN ('success', 'absent')
    ORDER BY id DESC LIMIT 1
) AS good ON true
ORDER BY asked.place
"""


def past(conn: psycopg.Connection, *, schema: str, scopes: Iterable[Scope]) -> dict[Scope, Past]:
    """Look up when scopes were synced before.

    :param conn: a connection outside of a transaction.
    :param schema: the schema of the ledger.
    """
    wanted = list(dict.fromkeys(scopes))
    asked = [
        {
            "context_name": each.context_name,
            "resource": each.resource,
            "namespaces": list(each.selection.namespaces) or None,
        }
        for each in wanted
    ]
    query = sql.SQL(_PAST).format(ledger=sql.Identifier(schema, "k8s_syncs"))
    with sessions.transaction(conn) as cursor:
        rows = cursor.execute(query, [Jsonb(asked)]).fetchall()
    return {scope: Past(first_at=row[0], good_at=row[1]) for scope, row in zip(wanted, rows, strict=True)}


# What a task only repeated took no time: it must not keep the memory of a dead cluster alive.
_DOWN: Final = """
SELECT {columns} FROM {ledger}
WHERE dag_id = %(dag_id)s AND run_id = %(run_id)s AND context_name = %(context_name)s
    AND status IN ('unreachable', 'unauthorized') AND NOT responded
    AND try_number >= %(try_number)s AND finished_at > started_at
    AND started_at >= %(since)s AND finished_at > now() - %(longest)s
ORDER BY id DESC LIMIT 1
"""


def last_down(
    conn: psycopg.Connection,
    *,
    schema: str,
    context_name: str,
    origin: Origin,
    since: datetime,
    longest: timedelta,
) -> SyncReport | None:
    """Return the last sync of a run and context in which the cluster did not respond at all; None: there is none.

    :param conn: a connection outside of a transaction; it is left outside of one.
    :param origin: the task instance that wants to know. An earlier try tells a later one nothing.
    :param since: the start of the run; that of a run which was cleared is the last one.
    :param longest: how long ago it may be.
    """
    query = sql.SQL(_DOWN).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, _FIELDS)), ledger=sql.Identifier(schema, "k8s_syncs")
    )
    with sessions.transaction(conn) as cursor:
        row = cursor.execute(
            query,
            {
                "dag_id": origin.dag_id,
                "run_id": origin.run_id,
                "context_name": context_name,
                "try_number": origin.try_number,
                "since": since,
                "longest": longest,
            },
        ).fetchone()
    return _report(dict(zip(_FIELDS, row, strict=True))) if row else None
