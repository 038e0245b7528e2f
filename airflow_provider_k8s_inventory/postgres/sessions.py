"""Make a connection fit for this package, whoever opened it, and open its transactions.

Every setting belongs to the client or to one transaction, never to the session: PgBouncer in transaction mode gives
each transaction another session, and refuses most settings of a connection string (https://www.pgbouncer.org/config.html,
`ignore_startup_parameters`). `search_path` stays what the role has, as triggers of the users may need it; every name in
our statements is qualified instead, and a migration sets it for its own transaction.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from airflow_provider_k8s_inventory.exceptions import DatabaseError, UsageError
from airflow_provider_k8s_inventory.postgres import silence

KEEPALIVES: Final = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}
"""libpq's names of what decides when a silent peer is given up, and the operating system's; not every one has all."""

_OURS: Final = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
"""A machine that vanished is given up after 60 s; Linux's default is more than two hours."""

_LOCAL: Final = """
SELECT set_config('client_encoding', 'UTF8', true),
    set_config('datestyle', 'ISO', true),
    set_config('intervalstyle', 'postgres', true),
    set_config('quote_all_identifiers', 'off', true),
    set_config('tcp_keepalives_idle', '60', true),
    set_config('tcp_keepalives_interval', '10', true),
    set_config('tcp_keepalives_count', '3', true),
    set_config('tcp_user_timeout', '90000', true),
    set_config('application_name', coalesce(nullif(current_setting('application_name'), ''), 'k8s-inventory'), true),
    set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '5min'), true),
    set_config('idle_in_transaction_session_timeout',
        coalesce(nullif(current_setting('idle_in_transaction_session_timeout'), '0'), '15min'), true)
"""
"""What every transaction sets, so that the session of a worker that is gone does not keep its scope locked, and a sync
does not wait for ever for somebody who keeps a table locked; and so that values and names read as they should. psycopg
knows no other styles of dates and intervals, and quoted names of types are not those that a migration compares.

A machine that vanished is noticed after 90 s; a process that was stopped on a machine that lives, after 15 minutes,
which is longer than a sync may wait for the API server. A role's own time-out stays: it is its administrator's word.
"""


def fit(conn: psycopg.Connection[Any]) -> None:
    """Make a connection what this package needs; a second time does nothing.

    :param conn: a connection outside of a transaction.
    :raises DatabaseError: when the database cannot hold what clusters say.
    :raises UsageError: when a transaction is open.
    """
    check_idle(conn)
    if conn.closed:
        return  # the first statement says so
    encoding = conn.info.parameter_status("server_encoding")
    if encoding not in (None, "UTF8"):
        raise DatabaseError(
            f"the database {conn.info.dbname} has the encoding {encoding}, which cannot hold every name and value of "
            "Kubernetes: use a database of encoding UTF8 (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)"
        )
    # A prepared statement outlives the transaction, and PgBouncer's transaction mode does not know it.
    conn.prepare_threshold = None
    # One sync of a scope never reads what another one writes: there is nothing to serialize, and so to fail by.
    conn.isolation_level = IsolationLevel.READ_COMMITTED
    _keep_alive(conn)
    silence.guard(conn)


@contextmanager
def transaction(
    conn: psycopg.Connection[Any], *, force_rollback: bool = False
) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    """Open a transaction with what this package needs, and a cursor that reads tuples."""
    with conn.transaction(force_rollback=force_rollback):
        with conn.cursor(row_factory=tuple_row) as first:
            first.execute(_LOCAL)
        # Made after the encoding was set: a cursor keeps the one it finds.
        with conn.cursor(row_factory=tuple_row) as cursor:
            yield cursor


def ping(conn: psycopg.Connection[Any]) -> None:
    """Ask PostgreSQL for a sign of life, and close a connection that gives none.

    :raises psycopg.Error: when there is none.
    """
    try:
        with conn.transaction():
            conn.execute("SELECT")
    except BaseException:
        conn.close()
        raise


def check_idle(conn: psycopg.Connection[Any]) -> None:
    """Make sure that a transaction of ours will be one of its own, and be committed.

    :raises UsageError: when one is open.
    """
    if conn.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        raise UsageError("the connection is in a transaction, which would keep what is written: commit or roll back")


def _keep_alive(conn: psycopg.Connection[Any]) -> None:
    """Let the operating system end the connection when the other machine is gone, as far as nobody chose otherwise.

    Set on the socket, as a connection of Airflow's hook is open when we get it.
    """
    chosen = conn.info.get_parameters()
    with closing(socket.socket(fileno=socket.dup(conn.fileno()))) as same:
        if same.family == socket.AF_UNIX or chosen.get("keepalives") == "0":
            return
        with suppress(OSError):  # a system that does not know one goes without
            same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, option in KEEPALIVES.items():
                if name not in chosen and hasattr(socket, option):
                    same.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), _OURS[name])
