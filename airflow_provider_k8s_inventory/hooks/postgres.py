"""The way into PostgreSQL inside Airflow: the stock `PostgresHook`, held to what this package needs of it.

Outside Airflow a DSN is the way; it is in `postgres.connecting`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_k8s_inventory.exceptions import DatabaseError

if TYPE_CHECKING:
    import psycopg


@contextmanager
def connection(postgres_conn_id: str) -> Iterator[psycopg.Connection]:
    """The database connection of an Airflow Connection, closed at the end of the block.

    :param postgres_conn_id: the id of a Connection of type `postgres`.
    :raises DatabaseError: when the server cannot be reached or refuses, there or in the block, or when the hook does
        not speak psycopg 3.
    """
    # The driver and the hook cost half a second, which the parsing of a DAG file need not pay.
    import psycopg

    from airflow_provider_k8s_inventory.postgres import connecting

    try:
        with closing(_open(postgres_conn_id)) as conn:
            if not isinstance(conn, psycopg.Connection):
                raise DatabaseError(
                    f"connection {postgres_conn_id!r} gives a {type(conn).__module__} connection, and COPY needs "
                    "psycopg 3: apache-airflow-providers-postgres 6.3 or later, with SQLAlchemy 2"
                )
            # A Connection may ask for another kind of row (extra `cursor`); this package reads tuples.
            conn.row_factory = psycopg.rows.tuple_row
            yield conn
    except psycopg.Error as error:
        raise DatabaseError(f"connection {postgres_conn_id!r}: {connecting.explain(error)}") from error


def _open(postgres_conn_id: str) -> Any:
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    return PostgresHook(postgres_conn_id=postgres_conn_id).get_conn()
