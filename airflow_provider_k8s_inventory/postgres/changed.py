"""The views `k8s_changes` and `k8s_coverage` as values. What an object was like at a time is in `recalled`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory import selectors
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import MEANINGS, Scope, Selection, Status
from airflow_provider_k8s_inventory.postgres import explaining, schemas, sessions

Moment = datetime | timedelta
"""A time, or how long ago it was."""


class Change(NamedTuple):
    """One change of an object."""

    id: int
    after: datetime | None
    not_later_than: datetime
    context_name: str
    resource: str
    namespace: str | None
    name: str | None
    change: str
    summary: str | None
    changed_by: str | None
    uid: str

    @property
    def place(self) -> str:
        """The namespace and the name of the object."""
        return "/".join(part for part in (self.namespace, self.name) if part)


class Coverage(NamedTuple):
    """The knowledge of the changes of a scope."""

    context_name: str
    resource: str
    namespaces: list[str] | None
    label_selector: str | None
    field_selector: str | None
    known_since: datetime | None
    """None: no history is kept."""
    last_proven_at: datetime | None
    """None: no sync ended well."""
    last_status: Status
    last_reason: str | None

    @property
    def scope(self) -> Scope:
        """The scope."""
        return Scope(
            context_name=self.context_name, resource=self.resource, selection=Selection.of_columns(self._asdict())
        )

    @property
    def is_open(self) -> bool:
        """True where it is not known what has happened since then."""
        meaning = MEANINGS[self.last_status]
        return not (meaning.good or meaning.turned_away)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The changes that somebody asked for."""

    contexts: tuple[str, ...] | None = None
    """The names; None: all."""
    resources: tuple[str, ...] | None = None
    namespaces: str | None = None
    """A regular expression; None: all."""
    names: tuple[str, ...] = ()
    """Names and globs; empty: all."""
    since: datetime
    until: datetime | None = None
    limit: int
    """The most changes to return, of the newest."""


_CONDITIONS: Final[dict[str, LiteralString]] = {
    "contexts": "context_name = ANY (%(contexts)s)",
    "resources": "resource = ANY (%(resources)s)",
    # What is outside of namespaces is left out by names of namespaces, and not by exclusions.
    "namespaces": "coalesce(namespace, '') ~ %(namespaces)s",
    "names": "name ~ ANY (%(names)s)",
    "until": "coalesce(after, '-infinity') <= %(until)s",
}


@contextmanager
def reading(conn: psycopg.Connection, schema: str, what: str) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    """Open a transaction that reads, and say what it was when PostgreSQL refuses.

    :param what: what is read.
    :raises UsageError: when the schema's name cannot be used.
    :raises DatabaseError: when it cannot be read.
    """
    schemas.check(schema)
    try:
        with sessions.transaction(conn) as cursor:
            yield cursor
    except psycopg.Error as error:
        raise DatabaseError(f"PostgreSQL, reading {what} of schema {schema}: {explaining.explain(error)}") from error


def time(conn: psycopg.Connection, schema: str, moment: Moment) -> datetime:
    """Tell a time by the clock of PostgreSQL, which is that of the history."""
    if isinstance(moment, datetime):
        return moment
    with reading(conn, schema, "the time") as cursor:
        found = cursor.execute("SELECT clock_timestamp() - %s", [moment]).fetchone()
    if found is None:
        raise DatabaseError("PostgreSQL does not tell the time")
    told: datetime = found[0]
    return told


def read(conn: psycopg.Connection, schema: str, wanted: Wanted) -> list[Change]:
    """Read changes, the newest first.

    :raises UsageError: when the schema's name cannot be used.
    :raises DatabaseError: when the view cannot be read.
    """
    conditions = [text for name, text in _CONDITIONS.items() if getattr(wanted, name)]
    query = sql.SQL("SELECT {columns} FROM {view} WHERE {conditions} LIMIT %(limit)s").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, Change._fields)),
        view=sql.Identifier(schema, "k8s_changes"),
        conditions=sql.SQL(" AND ").join(map(sql.SQL, ("not_later_than >= %(since)s", *conditions))),
    )
    values = {
        "contexts": list(wanted.contexts or ()),
        "resources": list(wanted.resources or ()),
        "namespaces": wanted.namespaces,
        "names": [selectors.name_pattern(name) for name in wanted.names],
        "since": wanted.since,
        "until": wanted.until,
        "limit": wanted.limit,
    }
    with reading(conn, schema, "k8s_changes") as cursor:
        return [Change._make(row) for row in cursor.execute(query, values)]


def coverage(conn: psycopg.Connection, schema: str) -> list[Coverage]:
    """Read what is known of the changes of each scope, by context and resource.

    :raises UsageError: when the schema's name cannot be used.
    :raises DatabaseError: when the view cannot be read.
    """
    query = sql.SQL("SELECT {columns} FROM {view} ORDER BY context_name, resource, namespaces").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, Coverage._fields)),
        view=sql.Identifier(schema, "k8s_coverage"),
    )
    with reading(conn, schema, "k8s_coverage") as cursor:
        return [Coverage._make(row) for row in cursor.execute(query)]


def distinct(coverages: Iterable[Coverage]) -> tuple[set[str], set[str]]:
    """List the contexts and the resources that there are."""
    known = list(coverages)
    return {each.context_name for each in known}, {each.resource for each in known}
