"""Open a connection to PostgreSQL, and say what a person can do when that, or a statement, fails."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import conninfo, errors
from psycopg.pq import TransactionStatus

from airflow_provider_k8s_inventory.exceptions import DatabaseError, UsageError

CONNECT_TIMEOUT = 10
"""Seconds to wait for PostgreSQL unless the DSN says otherwise."""

_ADVICE: dict[type[psycopg.Error], str] = {
    errors.InvalidPassword: "check the password",
    errors.InvalidAuthorizationSpecification: "check the user, and what pg_hba.conf allows it",
    errors.InvalidCatalogName: "create the database, or correct its name",
    errors.InsufficientPrivilege: "grant the user TEMPORARY on the database, USAGE and CREATE on the schema, "
    "and ownership of the tables",
    errors.ReadOnlySqlTransaction: "connect to the primary, not to a read-only replica",
    errors.InvalidSchemaName: "create the schema, and grant the user USAGE and CREATE on it",
    errors.UndefinedTable: "migrate the database first: the DAG's migrate task or `k8s-inventory sync` does it",
    errors.UndefinedColumn: "migrate the database first: it was made by an older version",
    errors.DiskFull: "make room on the server's disk",
    errors.IdleInTransactionSessionTimeout: "raise idle_in_transaction_session_timeout for this user: "
    "a sync is one transaction, open while it waits for the API server",
}


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
    settings.setdefault("connect_timeout", CONNECT_TIMEOUT)
    settings.setdefault("application_name", "k8s-inventory")
    try:
        return psycopg.connect(
            conninfo.make_conninfo("", **{key: str(value) for key, value in settings.items() if value is not None})
        )
    except psycopg.Error as error:
        where = f"{settings.get('host', 'localhost')}:{settings.get('port', 5432)}/{settings.get('dbname', '')}"
        raise DatabaseError(f"PostgreSQL at {where}: {explain(error)}") from error


def _is_misquoted(dsn: str, port: str) -> bool:
    """Whether a piece of the password may stand for host, port or database, where messages would show it.

    libpq ends a password at its first ``@`` or ``/``, and takes a URI without ``@`` for one without a password.
    """
    scheme, _, rest = dsn.partition("://")
    authority, _, path = rest.partition("?")[0].partition("/")
    misplaced = scheme in ("postgresql", "postgres") and (authority.count("@") > 1 or "@" in path)
    return misplaced or not port.replace(",", "0").isdecimal()


def check_idle(conn: psycopg.Connection[Any]) -> None:
    """Make sure that a transaction of ours will be one of its own, and be committed.

    :raises UsageError: when one is open.
    """
    if conn.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        raise UsageError("the connection is in a transaction, which would keep what is written: commit or roll back")


def explain(error: psycopg.Error) -> str:
    """One line that says what PostgreSQL answered and what to do about it.

    :param error: what the driver raised.
    """
    message = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), None) or _connecting(message)
    return f"{message}; {advice}" if advice else message


def _connecting(message: str) -> str | None:
    # A failed connection has no SQLSTATE in libpq: only its words tell.
    if "password authentication failed" in message or "no password supplied" in message:
        return _ADVICE[errors.InvalidPassword]
    if "does not exist" in message and "database" in message:
        return _ADVICE[errors.InvalidCatalogName]
    if any(words in message for words in ("refused", "timeout", "resolve", "unreachable", "not known")):
        return "check host, port and firewall, and that PostgreSQL is running"
    return None
