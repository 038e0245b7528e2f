"""Bring one scope's rows into its table, inside the caller's transaction: stage, remove what is gone, merge.

The SQL is in `statements`; whether an answer was complete, and so may prove a deletion, the caller knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg import errors, sql

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.postgres import statements
from airflow_provider_k8s_inventory.postgres.statements import Target

OnDelete = Literal["delete", "mark"]
"""What becomes of a row whose object is gone: it goes too, or gets a deleted_at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """What a merge wrote."""

    inserted: int
    updated: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """From which cluster some of a scope's rows were read."""

    cluster_uid: str | None
    """None: it could not be told then."""
    rows: int
    since: datetime
    """When the first of them was written."""


def plan_for_many(cursor: psycopg.Cursor[Any]) -> None:
    """Let PostgreSQL join as suits a whole scope, to the end of the transaction.

    Of rows that just came PostgreSQL has no statistics, until autovacuum's next round. It then takes a scope for one
    row, and a loop that compares each row with each for the cheapest join: seen on PostgreSQL 15, 11 s for 20,000 rows.
    """
    cursor.execute("SET LOCAL enable_nestloop = off")


def stage(cursor: psycopg.Cursor[Any], target: Target) -> None:
    """Make an empty temporary table for the scope's rows."""
    cursor.execute("DROP TABLE IF EXISTS pg_temp.k8s_stage")
    cursor.execute(statements.stage(target))


def copy(cursor: psycopg.Cursor[Any], target: Target, rows: Iterable[tuple[Any, ...]]) -> None:
    """Stage rows.

    :param rows: tuples in the order of ``target.staged``; jsonb values as text.
    """
    with cursor.copy(statements.copy(target)) as copy:
        for row in rows:
            copy.write_row(row)


def copy_new(
    cursor: psycopg.Cursor[Any],
    target: Target,
    rows: Iterable[tuple[Any, ...]],
    *,
    cluster_uid: str | None,
    now: datetime,
) -> None:
    """Bring rows of a scope that has none straight into its table.

    :param rows: as for `copy`.
    :param now: for first_seen_at and changed_at.
    :raises psycopg.errors.UniqueViolation: when one is there all the same, or comes twice.
    """
    stamp = (target.context_name, cluster_uid, now, now)
    given = 0
    with cursor.copy(statements.copy_new(target)) as copy:
        for row in rows:
            copy.write_row(stamp + row)
            given += 1
    _check_complete(target, given - cursor.rowcount)


def compress_by_lz4(cursor: psycopg.Cursor[Any]) -> None:
    """Let PostgreSQL compress objects by lz4 to the end of the transaction, where it was built with it.

    pglz, the default, costs twice the time.
    """
    cursor.execute(
        "SELECT set_config('default_toast_compression', 'lz4', true) FROM pg_settings"
        " WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
    )


def is_empty(cursor: psycopg.Cursor[Any], target: Target) -> bool:
    """Whether the scope has no rows, not even marked ones."""
    query = sql.SQL("SELECT NOT EXISTS (SELECT FROM {} AS t WHERE {})").format(target.name, target.condition)
    return cursor.execute(query, target.parameters).fetchone() == (True,)


def has_named_keys(cursor: psycopg.Cursor[Any], target: Target) -> bool:
    """Whether some of the scope's rows are known by their objects' names, as no uid is theirs alone."""
    query = sql.SQL("SELECT EXISTS (SELECT FROM {} AS t WHERE {} AND {} AND {})").format(
        target.name, target.condition, statements.NAMED_KEY, statements.LIVE
    )
    return cursor.execute(query, target.parameters).fetchone() == (True,)


def tell_apart(cursor: psycopg.Cursor[Any], target: Target) -> list[str]:
    """Give staged rows whose uid is not theirs alone their names for a key, beside the uid.

    An aggregated API may give one uid to several objects. A row keeps the key it has as long as its object is there.
    The uids of Kubernetes' own objects are unique: where a response repeats one, the next good response decides.

    :returns: the names of the objects.
    """
    named: list[str] = []
    by_rows = (statements.keep_keys, statements.take_keys) if target.may_share_uids else ()
    for statement in (*by_rows, statements.share_keys):
        cursor.execute(statement(target), target.parameters)
        named += [row[0] for row in cursor.fetchall()]
    return named


def are_told_apart(cursor: psycopg.Cursor[Any], target: Target) -> bool:
    """Check that no two objects share a uid, of those that are staged and those that have rows."""
    by_rows = (statements.named_otherwise,) if target.may_share_uids else ()
    return all(
        cursor.execute(statement(target), target.parameters).fetchone() == (False,)
        for statement in (*by_rows, statements.named_twice)
    )


def deduplicate(cursor: psycopg.Cursor[Any]) -> int:
    """Forget all but the last of the staged rows of one object, and count those.

    Only an aggregated API gives an object twice. PostgreSQL would notice only where both differ from the row.
    """
    return cursor.execute(statements.deduplicate()).rowcount


def merge(cursor: psycopg.Cursor[Any], target: Target, cluster_uid: str | None, *, keep_uid: bool) -> Merged:
    """Write the staged rows that are new or differ; each object is staged once.

    :param keep_uid: whether a row keeps the cluster_uid it has when there is none now.
    """
    parameters = target.parameters | {"cluster_uid": cluster_uid, "keep_uid": keep_uid}
    cursor.execute(statements.merge(target), parameters)
    inserted, updated = _one(cursor)
    if cursor.execute(statements.HAS_ROW_TRIGGERS, {"table": target.name.as_string(cursor)}).fetchone() == (True,):
        cursor.execute(statements.count_differing(target), parameters)
        _check_complete(target, _one(cursor)[0])
    return Merged(inserted=inserted, updated=updated)


def remove(
    cursor: psycopg.Cursor[Any],
    target: Target,
    gone: sql.Composable,
    *,
    on_delete: OnDelete,
    going: int,
    uids: Sequence[str] = (),
) -> int:
    """Delete or mark the scope's rows that are gone.

    :param gone: what proves it, `NOT_STAGED`, `NOT_SEEN`, `NAMED` or `EVERY` of `statements`.
    :param going: how many live rows that are, as `count_gone` tells.
    :param uids: the uids that `NAMED` means.
    :returns: how many rows went.
    """
    statement = statements.delete_gone if on_delete == "delete" else statements.mark_gone
    if on_delete == "mark" and not going:
        return 0
    done = cursor.execute(statement(target, gone), target.parameters | {"gone": list(uids)}).rowcount
    _check_complete(target, going - done)
    return done


def count_gone(
    cursor: psycopg.Cursor[Any],
    target: Target,
    gone: sql.Composable,
    *,
    uids: Sequence[str] = (),
    among: Mapping[str, str] | None = None,
) -> int:
    """How many of the scope's live rows are gone.

    :param gone: as for `remove`, as are the uids.
    :param among: count only rows with these keys, which are of objects with these names.
    """
    some = [] if among is None else [target.among]
    named = {"keys": list(among), "names": list(among.values())} if among else {"keys": [], "names": []}
    query = statements.count(target, statements.LIVE, gone, *some)
    cursor.execute(query, target.parameters | {"gone": list(uids)} | named)
    return _one(cursor)[0]


def stamp(cursor: psycopg.Cursor[Any], target: Target) -> None:
    """Note in the scope's rows that a good sync saw them, where the table has a column for it."""
    if statement := statements.stamp(target):
        cursor.execute(statement, target.parameters)


def unstage(cursor: psycopg.Cursor[Any], uids: Sequence[str]) -> None:
    """Forget staged rows: their objects are gone by now."""
    cursor.execute(sql.SQL("DELETE FROM {} WHERE uid = ANY(%s)").format(statements.STAGE), [list(uids)])


def count(cursor: psycopg.Cursor[Any], target: Target, *, marked: bool) -> int:
    """How many rows the scope has.

    :param marked: whether some may be marked as deleted, which do not count; where none is, an index alone can tell.
    """
    cursor.execute(statements.count(target, *((statements.LIVE,) if marked else ())), target.parameters)
    return _one(cursor)[0]


def provenance(cursor: psycopg.Cursor[Any], target: Target, *, marked: bool = False) -> list[Provenance]:
    """From which clusters the scope's rows were read; reads all of them.

    :param marked: ask of those that are marked as deleted, instead of the live ones.
    """
    query = sql.SQL(
        "SELECT t.cluster_uid, count(*), min(t.first_seen_at) FROM {} AS t WHERE {} AND (t.deleted_at IS NOT NULL) = {}"
        " GROUP BY t.cluster_uid ORDER BY 2 DESC"
    ).format(target.name, target.condition, sql.Literal(marked))
    rows = cursor.execute(query, target.parameters).fetchall()
    return [Provenance(cluster_uid=uid, rows=count_, since=since) for uid, count_, since in rows]


def holds(cursor: psycopg.Cursor[Any], target: Target, uid: str) -> bool:
    """Whether the scope has a live row of that uid."""
    query = statements.count(target, statements.LIVE, statements.NAMED)
    cursor.execute(query, target.parameters | {"gone": [uid]})
    return _one(cursor)[0] > 0


def empty_namespaces(cursor: psycopg.Cursor[Any], target: Target) -> list[str]:
    """Those of the scope's namespaces that have no row."""
    cursor.execute(
        sql.SQL(
            "SELECT n FROM unnest(%(namespaces)s::text[]) AS n WHERE NOT EXISTS"
            " (SELECT FROM {} AS t WHERE {} AND t.namespace = n AND {})"
        ).format(target.name, target.condition, statements.LIVE),
        target.parameters,
    )
    return [row[0] for row in cursor.fetchall()]


def _check_complete(target: Target, left_out: int) -> None:
    """Make sure that PostgreSQL did to every row what it was told to.

    :raises DatabaseError: when a trigger left rows out, which it may do without an error.
    """
    if left_out > 0:
        raise DatabaseError(
            f"a trigger of {target.table.name} left out or changed {left_out} rows, which then are not what the "
            "cluster says: drop it, or let it return the row and change columns of your own only"
        )


def _one(cursor: psycopg.Cursor[Any]) -> tuple[int, ...]:
    row = cursor.fetchone()
    if row is None:
        raise psycopg.InternalError("an aggregate without a row")
    return tuple(row)


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
