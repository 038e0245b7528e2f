"""Bring the objects of a page into PostgreSQL; one that it refuses costs itself only.

PostgreSQL says best what it can hold: a number such as 1e400000, more levels than its stack takes, a text too long for
an index. To ask is one savepoint per page. To look into all that is stored before would cost a tenth of a first sync.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, Final

import psycopg
from psycopg import errors

from airflow_provider_k8s_inventory import __version__
from airflow_provider_k8s_inventory.exceptions import ResponseError
from airflow_provider_k8s_inventory.model import Page
from airflow_provider_k8s_inventory.postgres import rows, staging, storage
from airflow_provider_k8s_inventory.postgres.diff import Writing
from airflow_provider_k8s_inventory.postgres.target import Target
from airflow_provider_k8s_inventory.resources.redaction import NOTHING, Redaction
from airflow_provider_k8s_inventory.sync.histories import Historian
from airflow_provider_k8s_inventory.sync.resolving import Resolved
from airflow_provider_k8s_inventory.sync.rows import RowReader

Row = tuple[Any, ...]
"""The values of the columns that come from the cluster."""
_Write = Callable[[Iterable[Row]], None]
_Read = Callable[[Page], Iterator[Row]]

_REFUSED: Final = (errors.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)
"""Of a value, not of a sync: the classes 22 and 54 of
https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_EMPTY: Final = frozenset({"labels", "annotations"})
"""Columns that are never NULL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """The place where a scope's rows are written, inside the sync's transaction."""

    cursor: psycopg.Cursor[Any]
    writing: Writing
    resolved: Resolved
    store_object: bool
    """Whether rows keep the whole object."""
    historian: Historian
    replaced: tuple[str, ...] = ()
    """The selections of other labels or fields whose rows this scope replaces."""
    redaction: Redaction = NOTHING
    """Takes out of objects what is not to be kept."""

    @property
    def target(self) -> Target:
        """The scope's rows."""
        return self.writing.target

    @property
    def row_format(self) -> str:
        """The format that rows are made in; rows of another format must be read whole again."""
        # A custom resource's version is the one its cluster prefers by now.
        definition = self.resolved.definition
        version = definition.resource.api_version
        # Between two releases the columns may change.
        columns = sha256(repr(self.target.table.columns).encode()).hexdigest()[:8]
        without = "" if self.store_object else " without object"
        marked = " with deleted rows" if self.writing.on_delete == "mark" else ""
        rules = f"{self.redaction!r}{definition.hidden}" if self.redaction else ""
        redacted = f" redacted {sha256(rules.encode()).hexdigest()[:8]}" if rules else ""
        return f"{__version__} {columns} {version}{without}{marked}{redacted}"

    def reader(self) -> RowReader:
        """Make a reader of the scope's objects, which gathers what is to be said of them."""
        return RowReader(
            self.resolved.definition,
            store_object=self.store_object,
            selection=self.resolved.scope.selection,
            redaction=self.redaction or None,
        )

    def start(self) -> None:
        """Make an empty staging table."""
        staging.start(self.cursor, self.target, managed=self.historian.managed)

    def stage(self, page: Page, reader: RowReader) -> None:
        """Write the rows of a page into the staging table, without values that PostgreSQL cannot hold.

        :raises ResponseError: when something in the page is not an object of Kubernetes.
        """
        since = self.historian.managed_since
        copy = partial(staging.copy, self.cursor, self.target, managed=self.historian.managed)
        self._write(page, partial(reader.rows, managed_since=since), reader, copy)

    def fill(self, page: Page, reader: RowReader, now: datetime) -> None:
        """Write the rows of a page straight into the table of a scope that has none.

        :param now: the time they are first seen.
        :raises ResponseError: as `stage`.
        :raises psycopg.errors.UniqueViolation: when the table has one of them.
        """
        fill = partial(rows.fill, self.cursor, self.target, cluster_uid=self.writing.cluster_uid, now=now)
        self._write(page, reader.rows, reader, fill)

    def _write(self, page: Page, read: _Read, reader: RowReader, write: _Write) -> None:
        kept = reader.remarks.kept()
        if page.items:
            storage.compress_by_lz4(self.cursor)
        try:
            with self.cursor.connection.transaction():
                write(read(page))
            return
        except _REFUSED as error:
            refusal = error
        reader.remarks.restore(kept)
        half = len(page.items) // 2
        if half:
            for items in (page.items[:half], page.items[half:]):
                self._write(replace(page, items=items), read, reader, write)
        else:
            self._write_without(next(read(page)), reader, write, refusal)

    def _write_without(self, row: Row, reader: RowReader, write: _Write, refusal: psycopg.Error) -> None:
        """Write a row without the values that are refused."""
        names = [column.name for column in self.target.staged]
        more = row[len(names) :]
        of = dict(zip(names, row, strict=False))
        name = "/".join(filter(None, (of.get("namespace"), of["name"] or of["uid"])))
        for without in _omissions(self.target):
            try:
                with self.cursor.connection.transaction():
                    kept = (("{}" if key in _EMPTY else None) if key in without else of[key] for key in names)
                    write([(*kept, *more)])
            except _REFUSED:
                continue
            has = f"what PostgreSQL cannot hold in {' or '.join(without)} ({refusal.diag.message_primary or refusal})"
            reader.remarks.add(name, has, "its row is without")
            return
        raise ResponseError(
            f"{name}: PostgreSQL cannot hold even its names ({refusal.diag.message_primary or refusal})"
        )


def _omissions(target: Target) -> Iterator[tuple[str, ...]]:
    """Yield the columns a row can be without, the least first."""
    yield ("object",)
    others = [column.name for column in target.staged if column.name not in {"object", *target.table.key}]
    for each in others:
        yield (each,)
    # What is odd in a column of its own is so in the object too.
    for each in others:
        yield ("object", each)
    yield ("object", *others)
