"""The view `k8s_freshness` as values. The table below it is written by `scopes`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import MEANINGS, Scope, Selection, Status
from airflow_provider_k8s_inventory.postgres import explaining, schemas, sessions

State = Literal["fresh", "stale", "failing", "never"]


class Freshness(NamedTuple):
    """The freshness of one scope's rows."""

    context_name: str
    resource: str
    namespaces: list[str] | None
    """None: all."""
    label_selector: str | None
    field_selector: str | None
    last_success_at: datetime | None
    age: timedelta | None
    """Since then; None: it never succeeded."""
    last_status: Status
    last_reason: str | None
    last_finished_at: datetime

    @property
    def scope(self) -> Scope:
        """The scope."""
        selection = Selection.of_columns(self._asdict())
        return Scope(context_name=self.context_name, resource=self.resource, selection=selection)

    def state(self, stale: timedelta) -> State:
        """Judge the scope; one that another sync holds is as fresh as its last success.

        :param stale: the age at which rows are no longer fresh.
        """
        if self.age is None:
            return "never"
        meaning = MEANINGS[self.last_status]
        if not (meaning.good or meaning.turned_away):
            return "failing"
        return "stale" if self.age > stale else "fresh"


_QUERY: Final = "SELECT {columns} FROM {view} ORDER BY context_name, resource, namespaces"


def read(conn: psycopg.Connection, schema: str) -> list[Freshness]:
    """Read the freshness of all scopes, by context and resource.

    :raises UsageError: when the schema's name cannot be used.
    :raises DatabaseError: when the view cannot be read.
    """
    schemas.check(schema)
    query = sql.SQL(_QUERY).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, Freshness._fields)),
        view=sql.Identifier(schema, "k8s_freshness"),
    )
    try:
        with sessions.transaction(conn) as cursor:
            return [Freshness._make(row) for row in cursor.execute(query)]
    except psycopg.Error as error:
        raise DatabaseError(
            f"PostgreSQL, reading k8s_freshness of schema {schema}: {explaining.explain(error)}"
        ) from error
