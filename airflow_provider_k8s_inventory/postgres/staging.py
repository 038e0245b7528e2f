"""The staging table: the rows of objects that were read, before they are compared with the scope's rows.

It is temporary and ends with the transaction. What is staged changes nothing until `diff` has compared it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.model import Column
from airflow_provider_k8s_inventory.postgres import copying, storage
from airflow_provider_k8s_inventory.postgres.target import NAMED_KEY, Target, composed_once, typed

STAGE: Final = sql.Identifier("pg_temp", "k8s_stage")

MANAGED: Final = Column(name="managed_fields", type="text", comment="metadata.managedFields, for history alone")
"""A column of staged rows that their table does not have; the last one, where it is wanted."""

_START: Final = sql.SQL("""
DROP TABLE IF EXISTS pg_temp.k8s_stage;
CREATE TEMPORARY TABLE k8s_stage ({columns}) ON COMMIT DROP;
{uncompressed}
""")

_DEDUPLICATE: Final = sql.SQL("""
DELETE FROM {stage} AS a USING {stage} AS b WHERE a.uid = b.uid AND a.ctid < b.ctid
""")

_KEEP_KEYS: Final = """
UPDATE {stage} AS s SET uid = t.uid FROM {table} AS t
WHERE {condition} AND {named} AND t.uid = {key}
RETURNING {name}
"""
"""Rows keep the key with a name that they have, though no other object has their uid by now."""

_TAKE_KEYS: Final = """
UPDATE {stage} AS s SET uid = {key} FROM {table} AS t
WHERE {same} AND {other_row}
RETURNING {name}
"""
"""Rows get a key with a name where the row that has their uid is another object's."""

_SHARE_KEYS: Final = """
UPDATE {stage} AS s SET uid = {key}
WHERE EXISTS (SELECT FROM {stage} AS o WHERE o.uid = s.uid AND {other_staged})
    AND NOT EXISTS (SELECT FROM {table} AS t WHERE {same} AND NOT {other_row})
RETURNING {name}
"""
"""Rows of one uid and several objects get a key with a name, but for the one whose row has the uid."""

_RENAMED: Final = """
SELECT EXISTS (SELECT FROM {stage} AS s JOIN {table} AS t ON {same} WHERE {other_row})
"""
"""True where another object than before has the uid of a staged row."""

_NAMED_TWICE: Final = """
SELECT EXISTS (SELECT FROM {stage} AS s JOIN {stage} AS o ON s.uid = o.uid WHERE {other_staged})
"""
"""True where two staged rows are of different objects and one uid."""


def start(cursor: psycopg.Cursor[Any], target: Target, *, managed: bool = False) -> None:
    """Make an empty staging table.

    :param managed: with the column `MANAGED`.
    """
    cursor.execute(_starting(_columns(target, managed)))


@composed_once
def _starting(columns: tuple[Column, ...]) -> sql.Composed:
    # Most of it is only compared, and so need not be compressed.
    return _START.format(columns=typed(columns), uncompressed=storage.uncompressed(STAGE))


def copy(
    cursor: psycopg.Cursor[Any], target: Target, rows: Iterable[tuple[Any, ...]], *, managed: bool = False
) -> None:
    """Stage rows.

    :param rows: tuples in the order of ``target.staged``, and then `MANAGED` where it is there; jsonb values as text.
    """
    copying.copy(cursor, STAGE, _columns(target, managed), rows)


def discard(cursor: psycopg.Cursor[Any], uids: Sequence[str]) -> None:
    """Forget staged rows: their objects are gone by now."""
    cursor.execute(sql.SQL("DELETE FROM {} WHERE uid = ANY(%s)").format(STAGE), [list(uids)])


def deduplicate(cursor: psycopg.Cursor[Any]) -> int:
    """Forget all but the last of the staged rows of one object, and count those.

    Only an aggregated API gives an object twice. PostgreSQL would notice only where both differ from the row.
    """
    return cursor.execute(_DEDUPLICATE.format(stage=STAGE)).rowcount


def tell_apart(cursor: psycopg.Cursor[Any], target: Target) -> list[str]:
    """Give staged rows whose uid is not theirs alone a key of the uid and their names.

    An aggregated API may give one uid to several objects. A row keeps the key it has as long as its object is there.
    The uids of Kubernetes' own objects are unique: where a response repeats one, the next good response decides.

    :returns: the names of the objects.
    """
    named: list[str] = []
    by_rows = (_KEEP_KEYS, _TAKE_KEYS) if target.may_share_uids else ()
    for statement in (*by_rows, _SHARE_KEYS):
        cursor.execute(_composed(statement, target), target.parameters)
        named += [row[0] for row in cursor.fetchall()]
    return named


def are_told_apart(cursor: psycopg.Cursor[Any], target: Target, *, repeated: bool) -> bool:
    """Check that no two objects share a uid, of those that are staged and those that have rows.

    :param repeated: whether a uid is staged several times.
    """
    by_rows = (_RENAMED,) if target.may_share_uids else ()
    return all(
        cursor.execute(_composed(statement, target), target.parameters).fetchone() == (False,)
        for statement in (*by_rows, *((_NAMED_TWICE,) if repeated else ()))
    )


def _columns(target: Target, managed: bool) -> tuple[Column, ...]:
    return (*target.staged, MANAGED) if managed else target.staged


def _composed(statement: LiteralString, target: Target) -> bytes:
    return _composed_once(statement, target.shape)


@composed_once
def _composed_once(statement: LiteralString, target: Target) -> sql.Composed:
    return sql.SQL(statement).format(
        stage=STAGE,
        table=target.name,
        condition=target.condition,
        same=target.same,
        named=NAMED_KEY,
        name=target.full_name("s"),
        key=sql.SQL("s.uid || '/' || {}").format(target.full_name("s")),
        other_row=target.otherwise("t"),
        other_staged=target.otherwise("o"),
    )
