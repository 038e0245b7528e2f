"""The way into PostgreSQL inside Airflow: the stock `PostgresHook`, held to what this package needs of it.

Outside Airflow a DSN is the way; it is in `postgres.connecting`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_k8s_inventory.exceptions import DatabaseError

if TYPE_CHECKING:
    import psycopg

_HOST: Final = re.compile(r"[A-Za-z0-9._-]+")


class Place(NamedTuple):
    """The database that a Connection leads to, as assets and OpenLineage name it."""

    host: str
    port: int
    database: str

    @property
    def authority(self) -> str:
        """Host and port: ``db.example.com:5432``."""
        return f"{self.host}:{self.port}"


def place(postgres_conn_id: str) -> Place | None:
    """Tell which database a Connection leads to; None where it does not name one host and the database."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    hook = PostgresHook(postgres_conn_id=postgres_conn_id)
    found = hook.connection
    host, database = found.host or "", hook.database or found.schema
    # A socket's folder, or several hosts, is no authority.
    if not host or not database or not _HOST.fullmatch(host):
        return None
    return Place(host.lower(), found.port or 5432, database)


class Opener:
    """Opens connections of one Airflow Connection, which is looked up once: Airflow responds to the task's main thread.

    :param postgres_conn_id: the id of a Connection of type `postgres`.
    """

    def __init__(self, postgres_conn_id: str) -> None:
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        self._postgres_conn_id = postgres_conn_id
        self._hook = PostgresHook(postgres_conn_id=postgres_conn_id)
        self._hook.connection  # noqa: B018 - it is cached

    def __call__(self) -> psycopg.Connection:
        """Open a connection.

        :raises DatabaseError: when the server cannot be reached or refuses, or when the hook does not speak psycopg 3.
        """
        import psycopg

        from airflow_provider_k8s_inventory.postgres import explaining, sessions

        try:
            conn: Any = self._hook.get_conn()
        except psycopg.Error as error:
            raise DatabaseError(f"connection {self._postgres_conn_id!r}: {explaining.explain(error)}") from error
        if not isinstance(conn, psycopg.Connection):
            conn.close()
            raise DatabaseError(
                f"connection {self._postgres_conn_id!r} gives a {type(conn).__module__} connection, and COPY needs "
                "psycopg 3: apache-airflow-providers-postgres 6.3 or later, with SQLAlchemy 2"
            )
        # A Connection may ask for another kind of row (extra `cursor`); this package reads tuples.
        conn.row_factory = psycopg.rows.tuple_row
        try:
            sessions.fit(conn)
        except DatabaseError as error:
            conn.close()
            raise DatabaseError(f"connection {self._postgres_conn_id!r}: {error}") from error
        return conn


@contextmanager
def connection(postgres_conn_id: str) -> Iterator[psycopg.Connection]:
    """Open a connection, and close it at the end of the block.

    :param postgres_conn_id: the id of a Connection of type `postgres`.
    :raises DatabaseError: as `Opener`, and for what goes wrong in the block.
    """
    # The driver and the hook cost half a second, which the parsing of a DAG file need not pay.
    import psycopg

    from airflow_provider_k8s_inventory.postgres import explaining

    try:
        with closing(Opener(postgres_conn_id)()) as conn:
            yield conn
    except psycopg.Error as error:
        raise DatabaseError(f"connection {postgres_conn_id!r}: {explaining.explain(error)}") from error
