"""Say what a person can do when a connection to PostgreSQL, or a statement, fails."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import errors

from airflow_provider_k8s_inventory.exceptions import DatabaseError

_FOREIGN_CONSTRAINT: Final = "it is not of this package: drop it, or let it take every object that Kubernetes has"

_ADVICE: Final[dict[type[psycopg.Error], str]] = {
    errors.InvalidPassword: "check the password",
    errors.InvalidAuthorizationSpecification: "check the user, and what pg_hba.conf allows it",
    errors.InvalidCatalogName: "create the database, or correct its name",
    errors.InsufficientPrivilege: "grant the user TEMPORARY on the database, USAGE and CREATE on the schema, "
    "and ownership of the tables",
    errors.ReadOnlySqlTransaction: "connect to the primary, not to a read-only replica, "
    "or set default_transaction_read_only to off",
    errors.InvalidSchemaName: "create the schema, and grant the user USAGE and CREATE on it",
    errors.UndefinedTable: "migrate the database first: the DAG's migrate task or `k8s-inventory sync` does it",
    errors.UndefinedColumn: "migrate the database first: it was made by an older version",
    errors.DiskFull: "make room on the server's disk",
    errors.IdleInTransactionSessionTimeout: "raise idle_in_transaction_session_timeout for this user: "
    "a sync is one transaction, open while it waits for the API server",
    errors.IdleSessionTimeout: "raise idle_session_timeout for this user: a connection waits while others are used",
    errors.TransactionTimeout: "raise transaction_timeout for this user: a sync is one transaction, open while it "
    "waits for the API server",
    errors.QueryCanceled: "if statement_timeout is set for this user, raise it (ALTER ROLE … SET statement_timeout "
    "= 0); else somebody canceled the statement: run again",
    errors.LockNotAvailable: "something else holds a lock on the table: end it, or raise lock_timeout for this user "
    "(ALTER ROLE … SET lock_timeout = 0)",
    errors.TooManyConnections: "lower max_parallel_requests (--max-parallel-requests), or sync fewer contexts at a "
    "time, or raise the limit (ALTER ROLE … CONNECTION LIMIT, or max_connections)",
    errors.ForeignKeyViolation: "a table that is not of this package refers to the row: let its foreign key "
    "ON DELETE CASCADE or SET NULL, or keep rows of objects that are gone by on_delete='mark'",
    errors.CheckViolation: _FOREIGN_CONSTRAINT,
    errors.NotNullViolation: _FOREIGN_CONSTRAINT,
    errors.UniqueViolation: _FOREIGN_CONSTRAINT,
    errors.ExclusionViolation: _FOREIGN_CONSTRAINT,
    errors.DependentObjectsStillExist: "drop it, migrate, and create it anew",
    errors.AdminShutdown: "an administrator, a restart or a failover ended the session: run again",
    errors.CrashShutdown: "the server restarts after a crash: run again",
    errors.CannotConnectNow: "the server is starting or stopping: run again",
    errors.DeadlockDetected: "run again",
    errors.SerializationFailure: "run again",
}

_FORCED: Final = (
    "row-level security applies to this user, and a sync must see and write every row: "
    "let it own the tables without FORCE ROW LEVEL SECURITY, or give it BYPASSRLS"
)
_VIEWED: Final = "drop that view, migrate, and create it anew"

_RAISED: Final = {
    ("0A000", "DoCopy"): _FORCED,
    ("42501", "ExecWithCheckOptions"): _FORCED,
    ("42501", "check_enable_rls"): _FORCED,
    ("0A000", "ATExecAlterColumnType"): _VIEWED,
    ("0A000", "RememberAllDependentForRebuilding"): _VIEWED,
}
"""Where the SQLSTATE says too little, the function of PostgreSQL's source beside it; its words are in any language."""

_FULL: Final = (
    "too many connections",
    "too many clients",
    "connection slots are reserved",
    "no more connections allowed",
)

_CONNECTING: Final = {
    ("password authentication failed", "no password supplied"): _ADVICE[errors.InvalidPassword],
    _FULL: _ADVICE[errors.TooManyConnections],
    ("statement pooling mode",): "a sync is a transaction: set PgBouncer's pool_mode to transaction or session",
    ("unsupported startup parameter",): "PgBouncer does not let it through: take it out of the connection string, or "
    "name it in its ignore_startup_parameters",
    ("query_wait_timeout",): "PgBouncer had no server connection to spare: raise its pool_size, or lower "
    "max_parallel_requests (--max-parallel-requests)",
    ("is starting up", "is shutting down", "not yet accepting connections"): "run again when it is up",
    ("fallen silent",): "check the network, and whether the server hangs; nothing of this transaction was kept",
    ("refused", "timeout", "timed out", "resolve", "unreachable", "not known", "No such file"): "check host, port and "
    "firewall, and that PostgreSQL is running",
    (
        "closed the connection",
        "connection was lost",
        "connection is closed",
        "connection is lost",
        "Connection reset",
    ): ("the server, a pooler or the network ended it: run again"),
}
"""The words of a failed connection, which has no SQLSTATE in libpq, and of PgBouncer, which has one for all.

PostgreSQL's own words are in English only where lc_messages says nothing else; in another language they stand alone.
"""

_BOUNCED: Final = "08P01"
"""PgBouncer's SQLSTATE."""


def explain(error: psycopg.Error) -> str:
    """One line that says what PostgreSQL responded and what to do about it.

    :param error: what the driver raised.
    """
    message = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    raised = (error.sqlstate or "", error.diag.source_function or "")
    advice = _RAISED.get(raised) or next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), None)
    if isinstance(error, (errors.FeatureNotSupported, errors.DependentObjectsStillExist)) and error.diag.message_detail:
        message = f"{message} ({' '.join(error.diag.message_detail.split())})"
    if advice is None and error.sqlstate in (None, _BOUNCED):
        advice = _connecting(message)
    return f"{message}; {advice}" if advice else message


def _connecting(message: str) -> str | None:
    if "does not exist" in message and "database" in message:
        return _ADVICE[errors.InvalidCatalogName]
    return next((advice for words, advice in _CONNECTING.items() if any(word in message for word in words)), None)


def refused_for_number(error: BaseException) -> bool:
    """Tell if a connection was refused because there are too many of them, so that one that ends would help.

    :param error: of this package or of the driver.
    """
    return isinstance(error, (psycopg.OperationalError, DatabaseError)) and any(words in str(error) for words in _FULL)
