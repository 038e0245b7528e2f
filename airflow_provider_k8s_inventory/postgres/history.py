"""The history of a scope's rows, written by the diff in the sync's own transaction.

What changed is gathered in a temporary table while the table has the old rows, the staging table the new ones, and the
diff tells which. It goes to ``k8s_history`` as the last thing of the transaction, so that ids grow in the order of
commits and nobody waits longer than that takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from airflow_provider_k8s_inventory.model import Column, Scope
from airflow_provider_k8s_inventory.postgres import copying, locking
from airflow_provider_k8s_inventory.postgres.diff import DIFF, Writing
from airflow_provider_k8s_inventory.postgres.staging import MANAGED, STAGE
from airflow_provider_k8s_inventory.postgres.target import CLUSTER_UID, Target, composed_once, names, typed

_CHANGING: Final = sql.Identifier("pg_temp", "k8s_changing")
_COLUMNS: Final = tuple(
    Column(name=name, type=type_, comment="")
    for name, type_ in (
        ("uid", "text"),
        ("namespace", "text"),
        ("name", "text"),
        ("cluster_uid", "text"),
        ("change", "text"),
        ("at", "timestamp with time zone"),
        ("changed_at", "timestamp with time zone"),
        ("changed_by", "text"),
        ("columns", "jsonb"),
        ("patch", "jsonb"),
        ("summary", "text"),
    )
)
_FIRST: Final = 2
"""Changed rows that are read at first, each with two objects, which may have 1.5 MB."""
_MOST: Final = 500
_BATCH: Final = 2 << 20
"""Characters of objects that are read at once, about."""

NOISE: Final = "noise"
"""The `Entry.change` of a change that is no history. That of a row which is made in another way now, of an object that
did not change, is ``remade``."""

_REMOVED: Final = """
INSERT INTO {changing} (uid, namespace, name, cluster_uid, change, at, changed_at, columns, patch, summary)
SELECT t.uid, {namespace}, t.name, t.cluster_uid,
    CASE d.action WHEN 'unselect' THEN 'unselected' ELSE 'deleted' END, %(at)s, t.changed_at,
    (SELECT to_jsonb(held) FROM (SELECT {columns}) AS held),
    CASE WHEN t.object IS NOT NULL THEN jsonb_build_array(jsonb_build_array('[]'::jsonb, t.object)) END,
    {was}
FROM {diff} AS d JOIN {table} AS t ON d.uid = t.uid
WHERE {condition} AND d.action IN ('delete', 'unselect')
"""

# An object did not change where its resourceVersion did not; its row is made in another way now.
_REMADE: Final = """
INSERT INTO {changing} (uid, change)
SELECT s.uid, 'remade' FROM {stage} AS s JOIN {diff} AS d ON d.uid = s.uid JOIN {table} AS t ON {same}
WHERE d.action = 'update' AND {remade}
"""

# Most changes are in one member of an object, and to write the others as text takes longer than to compare their bytes.
_UPDATED: Final = """
SELECT s.uid, {namespace}, s.name, {cluster_uid}, t.changed_at, {managed},
    CASE WHEN t.object IS NOT NULL THEN coalesce(differing.old, '{{}}'::jsonb)::text END,
    CASE WHEN s.object IS NOT NULL THEN coalesce(differing.new, '{{}}'::jsonb)::text END,
    {pairs}
FROM {stage} AS s JOIN {diff} AS d ON d.uid = s.uid JOIN {table} AS t ON {same}
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(before.key, before.value) FILTER (WHERE before.key IS NOT NULL) AS old,
        jsonb_object_agg(after.key, after.value) FILTER (WHERE after.key IS NOT NULL) AS new
    FROM jsonb_each(t.object) AS before FULL JOIN jsonb_each(s.object) AS after ON before.key = after.key
    WHERE (before *<> after) IS NOT FALSE
) AS differing
WHERE d.action = 'update' AND NOT {remade}
"""
_PAIR: Final = """
CASE WHEN t.{column} IS DISTINCT FROM s.{column} THEN jsonb_build_array(t.{column}, s.{column})::text END
"""
_CLUSTER_PAIR: Final = """
CASE WHEN t.cluster_uid IS DISTINCT FROM {cluster_uid} THEN jsonb_build_array(t.cluster_uid, {cluster_uid})::text END
"""

# A subquery with LIMIT stays one, that an index answers: as a join it would read all of history.
_CREATED: Final = """
SELECT s.uid, {namespace}, s.name, %(cluster_uid)s, s.created_at, {managed}, {images},
    d.action = 'restore' OR gone.name IS NOT NULL OR (
        SELECT true FROM {history} AS h
        WHERE h.name = s.name AND h.context_name = %(context_name)s AND h.resource = %(named)s
            AND h.namespace IS NOT DISTINCT FROM {namespace} AND h.change IN ('deleted', 'unselected')
        LIMIT 1
    ) IS TRUE
FROM {stage} AS s JOIN {diff} AS d ON d.uid = s.uid
LEFT JOIN (
    SELECT DISTINCT coalesce(namespace, '') AS namespace, name FROM {changing}
    WHERE change IN ('deleted', 'unselected')
) AS gone ON (gone.namespace, gone.name) = (coalesce({namespace}, ''), s.name)
WHERE d.action IN ('insert', 'restore')
"""

_COUNT: Final = """
SELECT count(*) FILTER (WHERE change NOT IN ('noise', 'remade')), count(*) FILTER (WHERE change = 'noise'),
    count(*) FILTER (WHERE change = 'remade')
FROM {changing}
"""

_PUBLISH: Final = """
INSERT INTO {history} (context_name, resource, before_at, sync_id, {columns})
SELECT %(context_name)s, %(resource)s, %(before_at)s, %(sync_id)s, {columns}
FROM {changing} WHERE change NOT IN ('noise', 'remade')
"""


class Updated(NamedTuple):
    """A row that changed: the old one in the table, and the new one that is staged."""

    uid: str
    namespace: str | None
    name: str
    cluster_uid: str | None
    changed_at: datetime
    managed: str | None
    """The managedFields of the new object, as JSON; None: they were not seen."""
    old: str | None
    """The members of the old object that differ, as JSON; None: none was stored."""
    new: str | None
    """Those of the new one; None: none is stored."""
    columns: dict[str, str]
    """Of each column that differs, an array of the old and the new value, as JSON."""


class Created(NamedTuple):
    """A row that was not there before."""

    uid: str
    namespace: str | None
    name: str
    cluster_uid: str | None
    created_at: datetime | None
    """The creationTimestamp of its object."""
    managed: str | None
    images: list[str | None] | None
    again: bool
    """True where an object of its name was there before."""


class Entry(NamedTuple):
    """One row of history to be, or a change that is none."""

    uid: str
    namespace: str | None
    name: str
    cluster_uid: str | None
    change: str
    at: datetime
    changed_at: datetime | None = None
    changed_by: str | None = None
    columns: str | None = None
    """The old values, as JSON."""
    patch: str | None = None
    """As JSON."""
    summary: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """The numbers of what a sync has gathered."""

    changes: int = 0
    """Rows of history to be."""
    noise: int = 0
    remade: int = 0


def start(cursor: psycopg.Cursor[Any]) -> None:
    """Make the temporary table where it is missing; PostgreSQL drops it with the transaction."""
    columns = typed(_COLUMNS)
    cursor.execute(sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS k8s_changing ({}) ON COMMIT DROP").format(columns))


def gather_removed(cursor: psycopg.Cursor[Any], writing: Writing, at: datetime) -> None:
    """Gather the rows that are to go, whole."""
    _execute(cursor, _REMOVED, writing, at=at)


def gather_remade(cursor: psycopg.Cursor[Any], writing: Writing) -> None:
    """Gather the rows that differ though their objects did not change."""
    _execute(cursor, _REMADE, writing)


@contextmanager
def updated(
    cursor: psycopg.Cursor[Any], writing: Writing, *, managed: bool, remade: bool
) -> Iterator[Callable[[], list[Updated]]]:
    """Begin to read the rows that are to change; give the function that reads the next ones, none at the end.

    :param managed: whether managedFields are staged.
    :param remade: leave out those of `gather_remade`.
    """
    compared = [*_compared(writing.target), "cluster_uid"]
    fixed = len(Updated._fields) - 1

    def made(row: tuple[Any, ...]) -> Updated:
        pairs = zip(compared, row[fixed:], strict=True)
        return Updated._make((*row[:fixed], {name: pair for name, pair in pairs if pair}))

    statement = _composed(_UPDATED, writing, managed=managed, remade=remade)
    with _reading(cursor, statement, writing.parameters) as fetch:
        yield lambda: list(map(made, fetch()))


@contextmanager
def created(
    cursor: psycopg.Cursor[Any], writing: Writing, resource: str, *, managed: bool
) -> Iterator[Callable[[], list[Created]]]:
    """Begin to read the rows that are to come, as `updated` does; after `gather_removed`.

    :param resource: the resource as history names it.
    :param managed: whether managedFields are staged.
    """
    statement = _composed(_CREATED, writing, managed=managed)
    with _reading(cursor, statement, writing.parameters | {"named": resource}) as fetch:
        yield lambda: list(map(Created._make, fetch()))


def gather(cursor: psycopg.Cursor[Any], entries: Iterable[Entry]) -> None:
    """Gather what was made of rows."""
    copying.copy(cursor, _CHANGING, _COLUMNS, entries)


def gathered(cursor: psycopg.Cursor[Any]) -> Gathered:
    """Count what was gathered."""
    if cursor.execute("SELECT to_regclass('pg_temp.k8s_changing') IS NULL").fetchone() == (True,):
        return Gathered()
    row = cursor.execute(sql.SQL(_COUNT).format(changing=_CHANGING)).fetchone()
    changes, noise, remade = row or (0, 0, 0)
    return Gathered(changes=changes, noise=noise, remade=remade)


def publish(
    cursor: psycopg.Cursor[Any], schema: str, scope: Scope, *, before_at: datetime | None, sync_id: int
) -> None:
    """Write what was gathered into ``k8s_history``, as the last thing of the transaction.

    From here to the commit, no other sync of the schema writes history.

    :param before_at: when the last good sync of the scope began.
    :param sync_id: the line of the ledger.
    """
    locking.wait_for(cursor, f"k8s_inventory/{schema}/history")
    cursor.execute(
        sql.SQL(_PUBLISH).format(history=_history(schema), changing=_CHANGING, columns=names(_COLUMNS)),
        {
            "context_name": scope.context_name,
            "resource": scope.resource,
            "before_at": before_at,
            "sync_id": sync_id,
        },
    )


def _history(schema: str) -> sql.Identifier:
    return sql.Identifier(schema, "k8s_history")


def _compared(target: Target) -> list[LiteralString]:
    """List the columns whose old values history keeps: objects have patches, and no row changes its uid."""
    return [column.name for column in target.staged if column.name not in ("uid", "object")]


def _execute(cursor: psycopg.Cursor[Any], statement: LiteralString, writing: Writing, **parameters: Any) -> None:
    cursor.execute(_composed(statement, writing), writing.parameters | parameters)


@contextmanager
def _reading(
    cursor: psycopg.Cursor[Any], statement: bytes, parameters: dict[str, Any]
) -> Iterator[Callable[[], list[tuple[Any, ...]]]]:
    """Give the function that reads the next rows of a query: as many as memory should hold at a time."""
    with cursor.connection.cursor(name="k8s_changing_rows", row_factory=tuple_row) as reading:
        reading.execute(statement, parameters)
        count = _FIRST

        def fetch() -> list[tuple[Any, ...]]:
            nonlocal count
            rows = reading.fetchmany(count) if count else []
            if len(rows) < count:
                count = 0
                return rows
            size = sum(len(value) for row in rows for value in row if isinstance(value, str))
            count = max(1, min(_MOST, 2 * count, _BATCH * len(rows) // max(1, size)))
            return rows

        yield fetch


def _composed(statement: LiteralString, writing: Writing, *, managed: bool = False, remade: bool = True) -> bytes:
    return _composed_once(statement, writing.target.shape, managed=managed, remade=remade)


@composed_once
def _composed_once(statement: LiteralString, target: Target, *, managed: bool, remade: bool) -> sql.Composed:
    has = {column.name for column in target.table.columns}
    pairs = [sql.SQL(_PAIR).format(column=sql.Identifier(name)) for name in _compared(target)]
    return sql.SQL(statement).format(
        changing=_CHANGING,
        diff=DIFF,
        stage=STAGE,
        table=target.name,
        history=_history(target.schema),
        condition=target.condition,
        same=target.same,
        namespace=sql.SQL("{}.namespace" if "namespace" in has else "NULL::text").format(
            sql.SQL("t" if statement is _REMOVED else "s")
        ),
        managed=sql.SQL("s.{}").format(sql.Identifier(MANAGED.name)) if managed else sql.SQL("NULL::text"),
        cluster_uid=CLUSTER_UID,
        columns=sql.SQL(", ").join(
            sql.SQL("t.{}").format(sql.Identifier(column.name))
            for column in target.table.columns
            if column.name != "object"
        ),
        pairs=sql.SQL(", ").join([*pairs, sql.SQL(_CLUSTER_PAIR).format(cluster_uid=CLUSTER_UID)]),
        remade=sql.SQL("(t.resource_version <> '' AND t.resource_version = s.resource_version)")
        if remade
        else sql.SQL("false"),
        images=sql.SQL("s.images" if "images" in has else "NULL::text[]"),
        was=sql.SQL("'was ' || t.problem" if "problem" in has else "NULL"),
    )
