"""The ledger: one row of ``k8s_syncs`` per sync, whatever its end.

It is a log: no sync depends on its older lines, so they may be deleted. What the next sync needs of the earlier ones is
in `scopes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import errors, sql

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import DOWN, EVERYTHING, UNRECORDED, Origin, Selection, SyncReport
from airflow_provider_k8s_inventory.postgres import explaining, schemas, scopes, sessions
from airflow_provider_k8s_inventory.postgres.target import composed_once

_OWN: Final = tuple(each.name for each in fields(SyncReport) if each.name not in ("selection", "origin", *UNRECORDED))
_SELECTION: Final = tuple(EVERYTHING.columns)
_ORIGIN: Final = tuple(field.name for field in fields(Origin))
_FIELDS: Final = (*_OWN, *_SELECTION, *_ORIGIN)
"""The ledger's columns are the report's fields, and those of its selection and origin."""

BATCH: Final = 10_000
"""Lines that are deleted in one transaction, which takes 50 ms: a million took 5 s, on PostgreSQL 18 and two cores."""
_BATCHES: Final = 100
"""Transactions of one pruning, at most: a run must end."""


def record(cursor: psycopg.Cursor[Any], schema: str, report: SyncReport) -> int:
    """Write the report's row and the state of its scope, in the caller's transaction.

    :returns: the id of the row.
    """
    row = cursor.execute(_recording(schema), report.as_dict() | report.selection.columns).fetchone()
    scopes.update(cursor, schema, report)
    return int(row[0]) if row else 0


@composed_once
def _recording(schema: str) -> sql.Composed:
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
        sql.Identifier(schema, "k8s_syncs"),
        sql.SQL(", ").join(map(sql.Identifier, _FIELDS)),
        sql.SQL(", ").join(sql.Placeholder(name) for name in _FIELDS),
    )


# Of a watch there is one line per hour. Only the newest lines are looked at: nothing but syncs in between moves it.
_SUM_UP: Final = """
UPDATE {ledger} AS line SET
    finished_at = %(finished_at)s, resource_version = %(resource_version)s, seen = %(seen)s,
    unchanged = %(unchanged)s, {sums},
    warnings = ARRAY(SELECT DISTINCT unnest(line.warnings || %(warnings)s::text[]))
WHERE id = (
    SELECT id FROM (
        SELECT * FROM {ledger} WHERE context_name = %(context_name)s AND resource = %(resource)s
        ORDER BY id DESC LIMIT 50
    ) AS newest
    WHERE mode = 'watch' AND status = %(status)s
        AND (cluster_uid, row_format, host) IS NOT DISTINCT FROM (%(cluster_uid)s, %(row_format)s, %(host)s)
        AND (namespaces, label_selector, field_selector)
            IS NOT DISTINCT FROM (%(namespaces)s::text[], %(label_selector)s::text, %(field_selector)s::text)
        AND date_trunc('hour', started_at) = date_trunc('hour', %(started_at)s::timestamptz)
    ORDER BY id DESC LIMIT 1
)
RETURNING id
"""
_SUMS: Final = ("pages", "bytes", "inserted", "updated", "deleted", "unselected", "changes", "noise")


def sum_up(cursor: psycopg.Cursor[Any], schema: str, report: SyncReport) -> int:
    """Write the report of a watch into the line of its scope and hour, and the state of the scope.

    :returns: the id of the line.
    """
    row = cursor.execute(_summing_up(schema), report.as_dict() | report.selection.columns).fetchone()
    if row is None:
        return record(cursor, schema, report)
    scopes.update(cursor, schema, report)
    return int(row[0])


@composed_once
def _summing_up(schema: str) -> sql.Composed:
    return sql.SQL(_SUM_UP).format(
        ledger=sql.Identifier(schema, "k8s_syncs"),
        sums=sql.SQL(", ").join(
            sql.SQL("{0} = line.{0} + {1}").format(sql.Identifier(name), sql.Placeholder(name)) for name in _SUMS
        ),
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
    """Read the reports of a run; of a task instance that was tried several times, those of the last time.

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
    values |= {name: tuple(row[name]) for name in ("warnings", "redacted", "kept")}
    values["unmatched"] = None if row["unmatched"] is None else tuple(row["unmatched"])
    origin = Origin(**{name: row[name] for name in _ORIGIN})
    return SyncReport(**values, selection=Selection.of_columns(row), origin=origin)


# What a task only repeated took no time: it must not keep the memory of a dead cluster alive.
_DOWN: Final = """
SELECT {columns} FROM {ledger}
WHERE dag_id = %(dag_id)s AND run_id = %(run_id)s AND context_name = %(context_name)s
    AND status = ANY(%(down)s) AND NOT responded
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
                "down": list(DOWN),
            },
        ).fetchone()
    return _report(dict(zip(_FIELDS, row, strict=True))) if row else None


# Of two prunings at a time the later one finds nothing left, as both take the lines in the same order.
_PRUNE: Final = """
DELETE FROM {ledger} WHERE id = ANY(ARRAY(
    SELECT id FROM {ledger}
    WHERE finished_at < %(before)s AND (dag_id = %(dag_id)s AND run_id = %(run_id)s) IS NOT TRUE
    ORDER BY finished_at, id LIMIT %(batch)s
))
"""


def prune(
    conn: psycopg.Connection, *, schema: str, keep: timedelta, dag_id: str | None = None, run_id: str | None = None
) -> int:
    """Delete old lines, in short transactions; what a call leaves behind, the next one takes.

    :param conn: a connection outside of a transaction; it is left outside of one.
    :param schema: the schema of the ledger.
    :param keep: lines of syncs that ended within this time stay.
    :param dag_id: lines of this DAG's run stay whatever their age; None: there is no run.
    :param run_id: the run.
    :returns: how many lines were deleted.
    :raises DatabaseError: when they cannot be deleted.
    """
    query = sql.SQL(_PRUNE).format(ledger=sql.Identifier(schema, "k8s_syncs"))
    values = {"before": datetime.now(UTC) - keep, "dag_id": dag_id, "run_id": run_id, "batch": BATCH}
    deleted = 0
    try:
        for _ in range(_BATCHES):
            with sessions.transaction(conn) as cursor:
                batch = cursor.execute(query, values).rowcount
            deleted += batch
            if batch < BATCH:
                break
    except errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"the ledger was not pruned: {error.diag.message_primary}: grant DELETE on k8s_syncs of schema {schema}, "
            "or keep all lines with keep_syncs=0 (--keep-syncs 0)"
        ) from error
    except psycopg.Error as error:
        raise DatabaseError(f"the ledger was not pruned: {explaining.explain(error)}") from error
    return deleted
