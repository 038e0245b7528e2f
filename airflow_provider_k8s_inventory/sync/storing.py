"""Bring the objects of a page into PostgreSQL; one that it refuses costs itself only.

PostgreSQL says best what it can hold: a number such as 1e400000, more levels than its stack takes, a text too long for
an index. To ask is one savepoint per page. To look into all that is stored before would cost a tenth of a first sync.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import psycopg
from psycopg import errors

from airflow_provider_k8s_inventory.exceptions import AnswerError
from airflow_provider_k8s_inventory.model import Page
from airflow_provider_k8s_inventory.postgres.statements import Target
from airflow_provider_k8s_inventory.sync.rows import RowReader
from airflow_provider_k8s_inventory.sync.work import Work

Row = tuple[Any, ...]
"""The values of the columns that come from the cluster."""
Write = Callable[[Iterable[Row]], None]
"""Brings rows into a table."""

_REFUSED: Final = (errors.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)
"""Of a value, not of a sync: the classes 22 and 54 of
https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_EMPTY: Final = frozenset({"labels", "annotations"})
"""Columns that are never NULL."""


def store(work: Work, reader: RowReader, page: Page, write: Write) -> None:
    """Write the rows of a page, without those values that PostgreSQL cannot hold.

    :param reader: makes the rows, and gathers what is to be said of them.
    :raises AnswerError: when something in the page is not an object of Kubernetes.
    """
    kept = reader.remarks.kept()
    try:
        with work.cursor.connection.transaction():
            write(reader.rows(page))
        return
    except _REFUSED as error:
        refusal = error
    reader.remarks.restore(kept)
    half = len(page.items) // 2
    if half:
        for items in (page.items[:half], page.items[half:]):
            store(work, reader, replace(page, items=items), write)
    else:
        _store_without(work, reader, next(reader.rows(page)), write, refusal)


def _store_without(work: Work, reader: RowReader, row: Row, write: Write, refusal: psycopg.Error) -> None:
    """Write a row without the values that are refused."""
    names = [column.name for column in work.target.staged]
    of = dict(zip(names, row, strict=True))
    name = "/".join(filter(None, (of.get("namespace"), of["name"] or of["uid"])))
    for without in _omissions(work.target):
        try:
            with work.cursor.connection.transaction():
                write([tuple(("{}" if key in _EMPTY else None) if key in without else of[key] for key in names)])
        except _REFUSED:
            continue
        has = f"what PostgreSQL cannot hold in {' or '.join(without)} ({refusal.diag.message_primary or refusal})"
        reader.remarks.add(name, has, "its row is without")
        return
    raise AnswerError(f"{name}: PostgreSQL cannot hold even its names ({refusal.diag.message_primary or refusal})")


def _omissions(target: Target) -> Iterator[tuple[str, ...]]:
    """What a row can be without, the least first."""
    yield ("object",)
    others = [column.name for column in target.staged if column.name not in {"object", *target.table.key}]
    for each in others:
        yield (each,)
    # What is odd in a column of its own is so in the object too.
    for each in others:
        yield ("object", each)
    yield ("object", *others)
