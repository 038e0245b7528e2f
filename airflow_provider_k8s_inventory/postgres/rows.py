"""The rows of one scope: what is asked of them, and the shortest way to fill a scope that has none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import errors, sql

from airflow_provider_k8s_inventory.postgres import copying
from airflow_provider_k8s_inventory.postgres.diff import check_complete
from airflow_provider_k8s_inventory.postgres.target import LIVE, NAMED_KEY, Target

_EXISTS: Final = sql.SQL("SELECT EXISTS (SELECT FROM {table} AS t WHERE {condition} AND {which})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """The cluster that some of a scope's rows were read from."""

    cluster_uid: str | None
    """None: it could not be told then."""
    rows: int
    since: datetime
    """The time when the first of them was written."""


def join_by_hash(cursor: psycopg.Cursor[Any]) -> None:
    """Let PostgreSQL join as suits a whole scope, to the end of the transaction.

    PostgreSQL has no statistics of rows that just came, until autovacuum's next round. It then takes a scope for one
    row, and a loop that compares each row with each for the cheapest join: 11 s for 20,000 rows on PostgreSQL 15.
    """
    cursor.execute("SET LOCAL enable_nestloop = off")


def fill(
    cursor: psycopg.Cursor[Any],
    target: Target,
    rows: Iterable[tuple[Any, ...]],
    *,
    cluster_uid: str | None,
    now: datetime,
) -> None:
    """Bring rows of a scope that has none straight into its table.

    :param rows: as for `staging.copy`.
    :param now: for first_seen_at and changed_at.
    :raises psycopg.errors.UniqueViolation: when one is there all the same, or comes twice.
    :raises DatabaseError: when a trigger left some out.
    """
    same = {"context_name": target.context_name, "cluster_uid": cluster_uid, "first_seen_at": now, "changed_at": now}
    constant = {column: same[column.name] for column in target.table.columns if column.name in same}
    given = copying.copy(cursor, target.name, target.staged, rows, constant=constant)
    check_complete(target, given - cursor.rowcount)


def are_none(cursor: psycopg.Cursor[Any], target: Target) -> bool:
    """Tell if the scope has no rows, not even marked ones."""
    return not _exist(cursor, target, sql.SQL("true"))


def have_named_keys(cursor: psycopg.Cursor[Any], target: Target) -> bool:
    """Tell if some live rows are known by their objects' names, as no uid is theirs alone."""
    return _exist(cursor, target, sql.SQL(" AND ").join((NAMED_KEY, LIVE)))


def hold(cursor: psycopg.Cursor[Any], target: Target, uid: str) -> bool:
    """Tell if the scope has a live row of that uid."""
    return _exist(cursor, target, sql.SQL("t.uid = %(uid)s AND {}").format(LIVE), uid=uid)


def count(cursor: psycopg.Cursor[Any], target: Target, *, marked: bool) -> int:
    """Count the scope's live rows.

    :param marked: whether some may be marked as deleted; where none is, an index alone can tell.
    """
    condition = sql.SQL(" AND ").join((target.condition, LIVE) if marked else (target.condition,))
    query = sql.SQL("SELECT count(*) FROM {} AS t WHERE {}").format(target.name, condition)
    row = cursor.execute(query, target.parameters).fetchone()
    return int(row[0]) if row else 0


def provenance(cursor: psycopg.Cursor[Any], target: Target, *, marked: bool = False) -> list[Provenance]:
    """Look up from which clusters the scope's rows were read; it reads all of them.

    :param marked: ask of those that are marked as deleted, instead of the live ones.
    """
    query = sql.SQL(
        """
        SELECT t.cluster_uid, count(*), min(t.first_seen_at) FROM {} AS t
        WHERE {} AND (t.deleted_at IS NOT NULL) = {}
        GROUP BY t.cluster_uid ORDER BY 2 DESC
        """
    ).format(target.name, target.condition, sql.Literal(marked))
    rows = cursor.execute(query, target.parameters).fetchall()
    return [Provenance(cluster_uid=uid, rows=count_, since=since) for uid, count_, since in rows]


def empty_namespaces(cursor: psycopg.Cursor[Any], target: Target) -> list[str]:
    """Find those of the scope's namespaces that have no row."""
    cursor.execute(
        sql.SQL(
            """
            SELECT n FROM unnest(%(namespaces)s::text[]) AS n
            WHERE NOT EXISTS (SELECT FROM {} AS t WHERE {} AND t.namespace = n AND {})
            """
        ).format(target.name, target.condition, LIVE),
        target.parameters,
    )
    return [row[0] for row in cursor.fetchall()]


def stamp(cursor: psycopg.Cursor[Any], target: Target) -> None:
    """Note in the scope's rows that a good sync saw them, where the table has a column for it."""
    stamped = [sql.Identifier(column.name) for column in target.table.columns if column.stamped]
    if stamped:
        sets = sql.SQL(", ").join(sql.SQL("{} = statement_timestamp()").format(name) for name in stamped)
        cursor.execute(
            sql.SQL("UPDATE {} AS t SET {} WHERE {} AND {}").format(target.name, sets, target.condition, LIVE),
            target.parameters,
        )


def kubernetes_version(cursor: psycopg.Cursor[Any], schema: str, context_name: str) -> str | None:
    """Look up the version a cluster had when it was last synced itself; None: it never was, or we may not know."""
    query = sql.SQL("SELECT kubernetes_version FROM {} WHERE context_name = %s LIMIT 1")
    try:
        with cursor.connection.transaction():
            cursor.execute(query.format(sql.Identifier(schema, "k8s_clusters")), [context_name])
            row = cursor.fetchone()
    except errors.InsufficientPrivilege:
        return None
    return row[0] if row else None


def _exist(cursor: psycopg.Cursor[Any], target: Target, which: sql.Composable, **parameters: str) -> bool:
    query = _EXISTS.format(table=target.name, condition=target.condition, which=which)
    return cursor.execute(query, target.parameters | parameters).fetchone() == (True,)
