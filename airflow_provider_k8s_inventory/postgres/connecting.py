"""Open a connection to PostgreSQL; what its failures mean is in `explaining`, what it is held to in `sessions`."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import conninfo
from psycopg.pq import Conninfo

from airflow_provider_k8s_inventory.exceptions import DatabaseError, UsageError
from airflow_provider_k8s_inventory.postgres import sessions
from airflow_provider_k8s_inventory.postgres.explaining import explain

CONNECT_TIMEOUT: Final = 10
"""Seconds to wait for PostgreSQL unless the DSN or the environment says otherwise."""


def connect(dsn: str) -> psycopg.Connection:
    """Connect to PostgreSQL.

    :param dsn: a libpq connection string or URI.
    :raises UsageError: when the DSN is none. No message ever has the password.
    :raises DatabaseError: when the server cannot be reached or refuses.
    """
    try:
        settings = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # The driver's message quotes the string, password and all: it is not chained.
        raise UsageError("the DSN is not a connection string; write postgresql://user:password@host/database") from None
    if _is_misquoted(dsn, str(settings.get("port") or "0")):
        raise UsageError(
            "the DSN has something else where host and port should be: "
            "write special characters of the password as %XX (@ is %40, / is %2F), and name a host"
        )
    # What the environment and the service file of libpq say, for the message and for what we would else choose.
    known = {option.keyword.decode(): (option.val or b"").decode() for option in Conninfo.get_defaults()}
    if not known.get("connect_timeout"):
        settings.setdefault("connect_timeout", CONNECT_TIMEOUT)
    settings.setdefault("fallback_application_name", "k8s-inventory")
    where = _where(settings, known)
    try:
        conn = psycopg.connect(
            conninfo.make_conninfo("", **{key: str(value) for key, value in settings.items() if value is not None})
        )
    except psycopg.Error as error:
        raise DatabaseError(f"{where}: {explain(error)}") from error
    try:
        sessions.fit(conn)
    except DatabaseError as error:
        conn.close()
        raise DatabaseError(f"{where}: {error}") from error
    return conn


def _where(settings: dict[str, Any], known: dict[str, str]) -> str:
    """Name the server as libpq finds it."""
    if settings.get("service"):
        return f"PostgreSQL, service {settings['service']}"
    found = known | {name: str(value) for name, value in settings.items() if value}
    host = found.get("host") or found.get("hostaddr") or "the local socket"
    return f"PostgreSQL at {host}:{found.get('port')}/{found.get('dbname') or found.get('user')}"


def _is_misquoted(dsn: str, port: str) -> bool:
    """Tell if a piece of the password may stand for host, port or database, where messages would show it.

    libpq ends a password at its first ``@`` or ``/``, and takes a URI without ``@`` for one without a password.
    """
    scheme, _, rest = dsn.partition("://")
    authority, _, path = rest.partition("?")[0].partition("/")
    misplaced = scheme in ("postgresql", "postgres") and (authority.count("@") > 1 or "@" in path)
    return misplaced or not port.replace(",", "0").isdecimal()
