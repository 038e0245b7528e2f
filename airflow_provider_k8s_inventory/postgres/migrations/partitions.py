"""The months of ``k8s_history``: made ahead, so that old ones can be dropped whole.

A sync never waits for a month and never lacks one: ``k8s_history_later`` takes what comes behind the last month, and
``k8s_history_older`` what comes before the first. What is dropped, and when, is in `postgres.retention`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from psycopg import errors, sql

from airflow_provider_k8s_inventory.postgres import explaining, sessions

log = logging.getLogger(__name__)

TABLE: Final = "k8s_history"
AHEAD: Final = 3
"""The months that are there before they come."""

_LATER: Final = f"{TABLE}_later"
_OLDER: Final = f"{TABLE}_older"
_WAIT: Final = "200ms"
"""The longest wait at a time for a lock on all of history: syncs that write history wait behind it."""
_LAST_WAIT: Final = "1500ms"
"""The same for the last time. A vacuum that nobody asked for ends when somebody has waited for a second.
https://www.postgresql.org/docs/current/runtime-config-locks.html#GUC-DEADLOCK-TIMEOUT"""
_PAUSE: Final = 0.5
"""Seconds in between, for those syncs."""
_TRIES: Final = 10

_T = TypeVar("_T")


class Partition(NamedTuple):
    """A part of ``k8s_history``: from one time to before another."""

    name: str
    start: datetime | None
    """None: there is none earlier."""
    end: datetime | None
    """None: there is none later."""
    is_open: bool = False
    """True where history has row-level security, and the partition by its own name has not."""


# https://www.postgresql.org/docs/current/catalog-pg-class.html, relpartbound
_PARTITIONS: Final = """
SELECT name, (regexp_match(bound, $$FROM \\('([^']+)'\\)$$))[1]::timestamptz,
    (regexp_match(bound, $$TO \\('([^']+)'\\)$$))[1]::timestamptz, is_open
FROM (
    SELECT part.relname AS name, pg_get_expr(part.relpartbound, part.oid) AS bound,
        whole.relrowsecurity AND NOT part.relrowsecurity AS is_open
    FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid JOIN pg_class AS whole ON whole.oid = inhparent
    WHERE inhparent = to_regclass({name})
) AS parts
ORDER BY 2 NULLS FIRST
"""


def read(cursor: psycopg.Cursor[Any], schema: str) -> list[Partition]:
    """List the partitions, the oldest first."""
    name = sql.Identifier(schema, TABLE).as_string(cursor)
    cursor.execute(sql.SQL(_PARTITIONS).format(name=sql.Literal(name)))
    return [Partition(*row) for row in cursor]


def is_owned(cursor: psycopg.Cursor[Any], schema: str) -> bool:
    """Tell if we may make and drop partitions."""
    cursor.execute(
        "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)",
        [sql.Identifier(schema, TABLE).as_string(cursor)],
    )
    return cursor.fetchone() == (True,)


def month(at: datetime, later: int = 0) -> datetime:
    """Return the beginning of the month of a time, or of one that comes later."""
    at = at.astimezone(UTC)
    years, place = divmod(at.month - 1 + later, 12)
    return datetime(at.year + years, place + 1, 1, tzinfo=UTC)


def make_ahead(conn: psycopg.Connection[Any], schema: str, *, now: datetime | None = None) -> list[str]:
    """Make the months to come; do nothing when they are there.

    :param conn: a connection outside of a transaction; it is left outside of one.
    :param now: what is taken for the present.
    :returns: the names of the new partitions. Where they cannot be made, the log has a warning once rows come that
        have no month.
    """
    now = now or datetime.now(UTC)
    parts: list[Partition] = []
    try:
        with sessions.transaction(conn) as cursor:
            parts = read(cursor, schema)
            if not _are_missing(parts, now) and not any(part.is_open for part in parts):
                return []
            owned = is_owned(cursor, schema)
        if owned:
            return giving_way(partial(_make, conn, schema, now))
        reason = f"this user does not own {schema}.{TABLE}; `k8s-inventory prune` of its owner does it"
    except psycopg.Error as error:
        reason = explaining.explain(error)
    if parts and (parts[-1].start is None or parts[-1].start <= now):
        log.warning("the months of %s.%s to come were not made: %s", schema, TABLE, reason)
    return []


def giving_way(act: Callable[[str], _T]) -> _T:
    """Do what locks all of history for a moment, as soon as nobody uses it.

    :param act: takes how long a lock may be waited for.
    :raises psycopg.errors.LockNotAvailable: when somebody always did.
    """
    for _ in range(_TRIES - 1):
        try:
            return act(_WAIT)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            time.sleep(_PAUSE)
    return act(_LAST_WAIT)


def lock(cursor: psycopg.Cursor[Any], schema: str, wait: str) -> None:
    """Keep everybody out of history until the transaction ends.

    The partitions are not locked with it: there is mostly one that is being vacuumed.

    :raises psycopg.errors.LockNotAvailable: when somebody uses it for longer than that.
    """
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [wait])
    cursor.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(schema, TABLE)))


def create(cursor: psycopg.Cursor[Any], schema: str, name: str, start: datetime | None, end: datetime | None) -> None:
    """Make a partition.

    It needs no rights of its own, as people read and syncs write it through ``k8s_history``. Where that has row-level
    security, a partition that somebody reads by its own name shows nothing: default privileges may let them.
    """
    name_, table = sql.Identifier(schema, name), sql.Identifier(schema, TABLE)
    cursor.execute(sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES {}").format(name_, table, _bounds(start, end)))
    if any(part.is_open for part in read(cursor, schema) if part.name == name):
        _secure(cursor, name_)


def _secure(cursor: psycopg.Cursor[Any], name: sql.Identifier) -> None:
    cursor.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(name))


def reach_back(cursor: psycopg.Cursor[Any], schema: str, end: datetime) -> None:
    """Make the partition of what is older than the first month."""
    create(cursor, schema, _OLDER, None, end)


def drop(cursor: psycopg.Cursor[Any], schema: str, name: str) -> None:
    """Drop a partition with its rows."""
    cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(schema, name)))


def _are_missing(parts: list[Partition], now: datetime) -> bool:
    """Tell if a month to come is not there; what is no table of ours has no partitions."""
    last = parts[-1] if parts else None
    return last is not None and last.end is None and (last.start is None or last.start <= month(now, AHEAD))


def _make(conn: psycopg.Connection[Any], schema: str, now: datetime, wait: str) -> list[str]:
    with sessions.transaction(conn) as cursor:
        lock(cursor, schema, wait)
        parts = read(cursor, schema)
        for part in parts:
            if part.is_open:
                _secure(cursor, sql.Identifier(schema, part.name))
        if not _are_missing(parts, now):  # somebody else was faster
            return []
        start = _free(cursor, schema, parts[-1], now)
        made = []
        while start <= month(now, AHEAD):
            made.append(_name(start))
            create(cursor, schema, _name(start), start, month(start, 1))
            start = month(start, 1)
        create(cursor, schema, _LATER, start, None)
        return made


def _free(cursor: psycopg.Cursor[Any], schema: str, last: Partition, now: datetime) -> datetime:
    """Make room behind the months that are there; return where it begins.

    Rows that have no month yet are not moved: with many of them, syncs would wait. Their partition becomes that of all
    months it has rows of.
    """
    name, table = sql.Identifier(schema, last.name), sql.Identifier(schema, TABLE)
    times = cursor.execute(sql.SQL("SELECT min(at), max(at) FROM {}").format(name)).fetchone()
    first, newest = times if times and times[0] else (now, None)
    start = last.start or month(min(first, now))
    if newest is None:
        drop(cursor, schema, last.name)
        end = start
    else:
        cursor.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(table, name))
        held = _name(start)
        cursor.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(name, sql.Identifier(held)))
        end = month(max(newest, now), 1)
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES {}").format(
                table, sql.Identifier(schema, held), _bounds(start, end)
            )
        )
    if last.start is None:
        reach_back(cursor, schema, start)
    return end


def _bounds(start: datetime | None, end: datetime | None) -> sql.Composed:
    return sql.SQL("FROM ({}) TO ({})").format(
        sql.SQL("MINVALUE") if start is None else sql.Literal(start.isoformat()),
        sql.SQL("MAXVALUE") if end is None else sql.Literal(end.isoformat()),
    )


def _name(start: datetime) -> str:
    return f"{TABLE}_{start:%Y_%m}"
