"""The difference between a scope's rows and its cluster: computed once, and then read by all who need it.

Staged rows and a proof of what is gone become one narrow temporary table of what is to change. The guard counts it,
the history reads the old and the new rows by it, and the statements that change the table go by it. It holds nothing of
rows that stay as they are, so it is empty where nothing changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import Counts, OnDelete, Seen
from airflow_provider_k8s_inventory.postgres.listed import LISTED
from airflow_provider_k8s_inventory.postgres.staging import STAGE
from airflow_provider_k8s_inventory.postgres.target import CLUSTER_UID, LIVE, Target, composed_once, names

DIFF: Final = sql.Identifier("pg_temp", "k8s_diff")
"""Columns: ``uid``, and ``action``: insert, update or delete; unselect, where the object need not be gone;
of a row that was marked as deleted, restore or purge."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gone:
    """A proof of which rows ``t`` of a scope are gone."""

    condition: LiteralString
    uids: tuple[str, ...] = ()


NOT_STAGED: Final = Gone(condition="NOT EXISTS (SELECT FROM {stage} AS s WHERE s.uid = t.uid)")
"""A complete list, all of it staged, does not have their objects."""
STILL_LISTED: Final = "EXISTS (SELECT FROM {listed} AS s WHERE s.uid = t.uid)"
"""Rows whose objects a list of metadata has."""
NOT_LISTED: Final = Gone(condition=f"NOT {STILL_LISTED}")
"""A complete list of metadata does not have their objects."""
EVERY: Final = Gone(condition="true")
"""The cluster is proven not to serve the resource."""


def named(uids: Sequence[str]) -> Gone:
    """Select the rows of objects whose deletion a watch told one by one."""
    return Gone(condition="t.uid = ANY(%(gone)s)", uids=tuple(uids))


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """The numbers of rows that are to change, and the time from which on they have."""

    at: datetime
    """The new first_seen_at, changed_at and deleted_at of those rows; history says the same."""
    inserts: int
    updates: int
    restores: int
    """Rows that were marked as deleted, and whose objects are there again."""
    deletes: int
    """Live rows whose objects are gone."""
    purges: int
    """Rows that were marked as deleted, and go now that rows are deleted."""
    unselects: int = 0
    """Live rows that leave though their objects need not be gone."""

    @property
    def counts(self) -> Counts:
        """The counts once it is applied."""
        return Counts(
            inserted=self.inserts,
            updated=self.updates + self.restores,
            deleted=self.deletes + self.purges,
            unselected=self.unselects,
        )

    def unselecting(self, count: int) -> Difference:
        """Return the same when so many more of the deletes have turned out to be none."""
        return replace(self, deletes=self.deletes - count, unselects=self.unselects + count)

    def live(self, before: int) -> int:
        """Return the number of live rows once it is applied.

        :param before: the live rows before.
        """
        return before + self.inserts + self.restores - self.deletes - self.unselects


_CHANGING: Final = """
WITH changing AS (
    INSERT INTO {diff} (uid, action)
"""

_WRITES: Final = """
SELECT s.uid, CASE WHEN t.uid IS NULL THEN 'insert' WHEN {live} THEN 'update' ELSE 'restore' END
FROM {stage} AS s LEFT JOIN {table} AS t ON {same} WHERE {differs}
UNION ALL
"""

_REMOVALS: Final = """
SELECT t.uid, CASE WHEN {live} THEN 'delete' ELSE 'purge' END
FROM {table} AS t WHERE {condition} AND {removable} AND {which}
"""

_COUNTED: Final = """
    RETURNING action
)
SELECT statement_timestamp(), count(*) FILTER (WHERE action = 'insert'), count(*) FILTER (WHERE action = 'update'),
    count(*) FILTER (WHERE action = 'restore'), count(*) FILTER (WHERE action = 'delete'),
    count(*) FILTER (WHERE action = 'purge')
FROM changing
"""

# Those of another cluster, whose place this one takes, go at once.
_AGED: Final = """
(t.cluster_uid <> %(cluster_uid)s OR
    coalesce(t.{column}, t.created_at, t.first_seen_at) < statement_timestamp() - make_interval(days => %(keep_days)s))
"""

_DIFFERS: Final = """
(t.uid IS NULL OR t.deleted_at IS NOT NULL OR ({old}, t.cluster_uid) IS DISTINCT FROM ({new}, {cluster_uid}))
"""

_DEPARTING: Final = """
SELECT t.uid, {namespace}, t.name, coalesce(t.resource_version, '') FROM {diff} AS d JOIN {table} AS t ON d.uid = t.uid
WHERE {condition} AND d.action = 'delete' ORDER BY t.uid LIMIT %(limit)s
"""

_UNSELECT: Final = """
UPDATE {diff} AS d SET action = 'unselect'
FROM {table} AS t WHERE t.uid = d.uid AND {condition} AND d.action = 'delete' AND {which}
"""

_LEAVE: Final = """
DELETE FROM {table} AS t USING {diff} AS d WHERE d.uid = t.uid AND {condition} AND d.action = 'unselect'
"""

_DELETE: Final = """
DELETE FROM {table} AS t USING {diff} AS d WHERE d.uid = t.uid AND {condition} AND d.action IN ('delete', 'purge')
"""

_MARK: Final = """
UPDATE {table} AS t SET deleted_at = %(at)s, changed_at = %(at)s
FROM {diff} AS d WHERE d.uid = t.uid AND {condition} AND d.action = 'delete'
"""

_UPDATE: Final = """
UPDATE {table} AS t SET {sets}, cluster_uid = {cluster_uid}, changed_at = %(at)s, deleted_at = NULL
FROM {stage} AS s JOIN {diff} AS d ON d.uid = s.uid WHERE {same} AND d.action IN ('update', 'restore')
"""

_INSERT: Final = """
INSERT INTO {table} (context_name, cluster_uid, {names}, first_seen_at, changed_at)
SELECT %(context_name)s, %(cluster_uid)s, {staged}, %(at)s, %(at)s
FROM {stage} AS s JOIN {diff} AS d ON d.uid = s.uid WHERE d.action = 'insert'
"""

_COUNT_DIFFERING: Final = """
SELECT count(*) FROM {stage} AS s LEFT JOIN {table} AS t ON {same} WHERE {differs}
"""

_COUNT_AMONG: Final = """
SELECT count(*) FROM {diff} AS d JOIN {table} AS t ON d.uid = t.uid
WHERE {condition} AND d.action = 'delete' AND t.uid = ANY(%(keys)s) AND {name} = ANY(%(names)s)
"""

_HAS_ROW_TRIGGERS: Final = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = %(table)s::text::regclass AND NOT tgisinternal"
    # Of each row, and before it is written: https://doxygen.postgresql.org/pg__trigger_8h_source.html
    " AND tgtype::int & 3 = 3)"
)
"""True where a trigger may change rows, or leave them out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """The way a scope's rows are written."""

    target: Target
    cluster_uid: str | None
    """The cluster the rows are of from now on; None: it is not known."""
    keep_uid: bool
    """Let a row keep its cluster_uid when there is none now."""
    on_delete: OnDelete
    aged_by: LiteralString | None = None
    """The column that says how old a row is, where rows outlive their objects; None: they go with them."""
    keep_days: int = 0
    """For how many days they do."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the placeholders."""
        return self.target.parameters | {
            "cluster_uid": self.cluster_uid,
            "keep_uid": self.keep_uid,
            "keep_days": self.keep_days,
        }


def start(cursor: psycopg.Cursor[Any]) -> None:
    """Make an empty temporary table; PostgreSQL drops it with the transaction."""
    cursor.execute(
        "DROP TABLE IF EXISTS pg_temp.k8s_diff; CREATE TEMPORARY TABLE k8s_diff (uid text, action text) ON COMMIT DROP"
    )


def compute(cursor: psycopg.Cursor[Any], writing: Writing, gone: Gone, *, staged: bool) -> Difference:
    """Compute what is to change, and keep it in the temporary table.

    :param gone: the proof of what is gone.
    :param staged: whether there is a staging table, with each object once.
    """
    start(cursor)
    cursor.execute(computing(writing, gone, staged=staged), writing.parameters | {"gone": list(gone.uids)})
    at, inserts, updates, restores, deletes, purges = _one(cursor)
    return Difference(at=at, inserts=inserts, updates=updates, restores=restores, deletes=deletes, purges=purges)


def computing(writing: Writing, gone: Gone, *, staged: bool) -> bytes:
    """Compose the statement of `compute`."""
    removals = _REMOVALS + _COUNTED
    return _composed(_CHANGING + (_WRITES + removals if staged else removals), writing, gone.condition)


def count_deletes(cursor: psycopg.Cursor[Any], writing: Writing, among: Mapping[str, str]) -> int:
    """Count the rows to be deleted among some objects.

    :param among: the objects' names by their keys.
    """
    cursor.execute(
        _composed(_COUNT_AMONG, writing),
        writing.parameters | {"keys": list(among), "names": list(among.values())},
    )
    count: int = _one(cursor)[0]
    return count


def departing(cursor: psycopg.Cursor[Any], writing: Writing, limit: int | None = None) -> list[Seen]:
    """List the objects whose rows are to be deleted.

    :param limit: how many at most; None: all.
    """
    cursor.execute(_composed(_DEPARTING, writing), writing.parameters | {"limit": limit})
    return [Seen(*row) for row in cursor.fetchall()]


OUTSIDE: Final = "t.namespace !~ %(within)s"
"""Rows of other namespaces than those of a regular expression."""
NAMED: Final = "t.uid = ANY(%(uids)s)"
"""Rows of some uids."""


def unselect(cursor: psycopg.Cursor[Any], writing: Writing, which: LiteralString, **parameters: Any) -> int:
    """Let rows leave as unselected that were to be deleted; return how many.

    :param which: a condition on rows ``t``: `OUTSIDE`, `STILL_LISTED` or `NAMED`.
    :param parameters: the values of its placeholders.
    """
    return cursor.execute(_composed(_UNSELECT, writing, which), writing.parameters | parameters).rowcount


def apply(cursor: psycopg.Cursor[Any], writing: Writing, difference: Difference) -> Counts:
    """Change the scope's rows as the temporary table says.

    :raises DatabaseError: when a trigger left out or changed some of them.
    """
    counts = difference.counts
    for statement, expected in steps(writing, counts):
        done = cursor.execute(statement, writing.parameters | {"at": difference.at}).rowcount
        check_complete(writing.target, expected - done)
    if counts.inserted + counts.updated and _has_row_triggers(cursor, writing.target):
        cursor.execute(_composed(_COUNT_DIFFERING, writing), writing.parameters)
        check_complete(writing.target, _one(cursor)[0])
    return counts


def steps(writing: Writing, counts: Counts) -> list[tuple[bytes, int]]:
    """Compose the statements of `apply` that have something to do, each with how many rows it is to change."""
    # First what goes: users may have made further columns unique.
    found = [
        (_LEAVE, counts.unselected),
        (_MARK if writing.on_delete == "mark" else _DELETE, counts.deleted),
        (_UPDATE, counts.updated),
        (_INSERT, counts.inserted),
    ]
    return [(_composed(statement, writing), expected) for statement, expected in found if expected]


def check_complete(target: Target, left_out: int) -> None:
    """Check that PostgreSQL did to every row what it was told to.

    :raises DatabaseError: when a trigger left rows out, which it may do without an error.
    """
    if left_out > 0:
        raise DatabaseError(
            f"a trigger of {target.table.name} left out or changed {left_out} rows, which then are not what the "
            "cluster says: drop it, or let it return the row and change columns of your own only"
        )


def _has_row_triggers(cursor: psycopg.Cursor[Any], target: Target) -> bool:
    table = {"table": target.name.as_string(cursor)}
    return cursor.execute(_HAS_ROW_TRIGGERS, table).fetchone() == (True,)


def _composed(statement: LiteralString, writing: Writing, which: LiteralString = "false") -> bytes:
    """Compose a statement.

    :param which: a condition on rows ``t``.
    """
    return _composed_once(statement, writing.target.shape, writing.aged_by, writing.on_delete, which)


@composed_once
def _composed_once(
    statement: LiteralString, target: Target, aged_by: LiteralString | None, on_delete: OnDelete, which: LiteralString
) -> sql.Composed:
    columns = [sql.Identifier(column.name) for column in target.staged]
    written = [sql.Identifier(column.name) for column in target.staged if column.name not in target.table.key]
    old = sql.SQL(", ").join(sql.SQL("t.{}").format(name) for name in columns)
    new = sql.SQL(", ").join(sql.SQL("s.{}").format(name) for name in columns)
    differs = sql.SQL(_DIFFERS).format(old=old, new=new, cluster_uid=CLUSTER_UID)
    return sql.SQL(statement).format(
        diff=DIFF,
        stage=STAGE,
        table=target.name,
        condition=target.condition,
        same=target.same,
        name=target.full_name("t"),
        live=LIVE,
        namespace=sql.SQL("t.namespace" if target.table.namespaced else "NULL::text"),
        which=sql.SQL(which).format(stage=STAGE, listed=LISTED),
        removable=_removable(aged_by, on_delete),
        cluster_uid=CLUSTER_UID,
        differs=differs,
        names=names(target.staged),
        staged=new,
        sets=sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(name) for name in written),
    )


def _removable(aged_by: LiteralString | None, on_delete: OnDelete) -> sql.Composable:
    """Compose the condition on rows ``t`` that may be removed when their objects are gone."""
    if aged_by:
        return sql.SQL(_AGED).format(column=sql.Identifier(aged_by))
    return LIVE if on_delete == "mark" else sql.SQL("true")


def _one(cursor: psycopg.Cursor[Any]) -> tuple[Any, ...]:
    row = cursor.fetchone()
    if row is None:
        raise psycopg.InternalError("an aggregate without a row")
    return tuple(row)
