"""The time-outs and numbers of connections that an administrator has set, asked before a sync runs into them."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.postgres import explaining, sessions

_LEAST: Final = {
    "statement_timeout": 60_000,
    "lock_timeout": 1_000,
    "transaction_timeout": 300_000,
    "idle_in_transaction_session_timeout": 60_000,
}
"""Milliseconds that a sync should have. Its longest statement writes what differs, 10 s for 100,000 rows; in between it
waits for pages of the API server."""

# The settings of the role and not those of the transaction, which sets some of them itself.
_TIMEOUTS: Final = """
SELECT name, reset_val::bigint, quote_ident(current_user)
FROM pg_catalog.pg_settings WHERE name = ANY(%s::text[]) AND reset_val <> '0' ORDER BY name
"""

_CONNECTIONS: Final = """
SELECT least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1),
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int),
    (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'), pg_backend_pid()
FROM pg_catalog.pg_roles AS r, pg_catalog.pg_database AS d
WHERE r.rolname = current_user AND d.datname = current_database()
"""


def short_timeouts(conn: psycopg.Connection) -> tuple[list[str], list[str]]:
    """List the time-outs that are too short for a sync, each with what to do, and the others that are set.

    :raises DatabaseError: when PostgreSQL does not say.
    """
    short, long = [], []
    for name, value, role in _ask(conn, _TIMEOUTS, [list(_LEAST)]):
        if value < _LEAST[name]:
            short.append(f"{name} is {_spoken(value)}: raise it for this user (ALTER ROLE {role} SET {name} = 0)")
        else:
            long.append(f"{name} is {_spoken(value)}")
    return short, long


def connections(conn: psycopg.Connection) -> str:
    """Report how many connections there may be, how many there are, and whether they lead through a pooler.

    :raises DatabaseError: when PostgreSQL does not say.
    """
    ((most, used, pid),) = _ask(conn, _CONNECTIONS, [])
    pooled = "" if pid == conn.info.backend_pid else "; through a pooler such as PgBouncer"
    return f"at most {most} for this user, {used} in use on the server{pooled}"


def _spoken(milliseconds: int) -> str:
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _ask(conn: psycopg.Connection, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    try:
        with sessions.transaction(conn) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()
    except psycopg.Error as error:
        raise DatabaseError(f"the limits of this user cannot be asked: {explaining.explain(error)}") from error
