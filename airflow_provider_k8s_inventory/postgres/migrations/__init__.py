"""Make the schema what this version of the package needs, in one transaction, and record what was done.

Two kinds of steps: the ordered ones are SQL files beside this module, each run once; the tables of the resources are
compared with their declarations by `tables`, and the views by `views`, so that a new resource or column needs no file.
The months of history come and go, and are no steps: they are made in `partitions`.
"""

from __future__ import annotations

import logging
import re
import time
from importlib import resources as files
from typing import Any, Final, Literal

import psycopg
from packaging.version import Version
from psycopg import errors, sql

from airflow_provider_k8s_inventory import __version__, resources
from airflow_provider_k8s_inventory.exceptions import DatabaseError, DestructiveChangeError, NewerSchemaError
from airflow_provider_k8s_inventory.postgres import customviews, explaining, locking, schemas, sessions
from airflow_provider_k8s_inventory.postgres.migrations import (
    additions,
    functions,
    partitions,
    summaries,
    tables,
    views,
)

log = logging.getLogger(__name__)

MigrateMode = Literal["safe", "forced"]
"""Whether a change that destroys data is refused, or done."""

ORDERED: Final = (
    "0001_ledger",
    "0002_hosts",
    "0003_responded",
    "0004_scopes",
    "0005_ledger_comments",
    "0006_redaction",
    "0007_selectors",
    "0008_events_once",
    "0009_unmatched",
    "0010_history",
    "0011_watches",
)
"""The names of the SQL files, in the order they are run."""

_RECORD: Final = """
CREATE TABLE k8s_migrations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    version text NOT NULL,
    statements text[] NOT NULL
);
CREATE UNIQUE INDEX ON k8s_migrations (name) WHERE name ~ '^[0-9]{4}_';
COMMENT ON TABLE k8s_migrations IS 'What was done to this schema, and by which version of the package'
"""


PATIENCE: Final = 60.0
"""Seconds a migration tries to get the locks it needs."""
_WAIT: Final = "2s"
"""How long it waits for a table at a time. A waiting ALTER TABLE blocks every new reader of the table behind it
(https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES), so it gives way and tries again."""
_PAUSE: Final = 3.0
"""Seconds in between, for those readers."""


def migrate(
    conn: psycopg.Connection, *, schema: str = "public", mode: MigrateMode = "safe", patience: float = PATIENCE
) -> list[str]:
    """Bring the schema up to date; do nothing when it is.

    :param conn: a connection outside of a transaction; it is left outside of one.
    :param schema: an existing schema.
    :param mode: ``safe`` refuses what would destroy data, ``forced`` does it.
    :param patience: seconds to wait for other migrations, and for those who use the tables.
    :returns: the names of the steps that were done.
    :raises DestructiveChangeError: the message has the statements that ``forced`` would run.
    :raises NewerSchemaError: when a newer version migrated it.
    :raises DatabaseError: whatever else PostgreSQL refuses.
    :raises UsageError: when a transaction is open, or the schema's name cannot be used.
    """
    sessions.fit(conn)
    until = time.monotonic() + patience
    while True:
        try:
            done = _migrate(conn, schema, mode, patience)
            break
        except errors.LockNotAvailable as error:
            if time.monotonic() + _PAUSE > until:
                raise DatabaseError(_blocked(conn, schema, patience)) from error
        except psycopg.Error as error:
            raise DatabaseError(f"migrating schema {schema}: {explaining.explain(error)}") from error
        time.sleep(_PAUSE)
    partitions.make_ahead(conn, schema)
    return done


def _migrate(conn: psycopg.Connection, schema: str, mode: MigrateMode, patience: float) -> list[str]:
    with sessions.transaction(conn) as cursor:
        _enter(cursor, schema)
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{max(1, int(patience))}s"])
        locking.lock_schema(cursor, schema)
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_WAIT])
        done = _missing(cursor, schema)
        _apply(cursor, done)
        changes = _changes(cursor, schema)
        if mode == "safe":
            _refuse(schema, changes)
        if any(change.destroys for change in changes):
            customviews.drop(cursor, schema)
        for change in changes:
            # In one message: the tables of all built-in resources are 2,000 statements.
            cursor.execute(sql.SQL(";\n").join(change.statements))
            _note(cursor, change.name, [statement.as_string(cursor) for statement in change.statements])
        additions.check(cursor, schema)
        for remark in customviews.keep_up(cursor, schema):
            log.warning("schema %s: %s", schema, remark)
        return done + [change.name for change in changes]


def _changes(cursor: psycopg.Cursor[Any], schema: str) -> list[tables.Change]:
    """List the steps of `tables`, `summaries`, `views` and `functions`, in the order they can be done in."""
    below = tables.changes(cursor, schema)
    below += summaries.changes(cursor, schema, below)
    return functions.changes(cursor, schema, views.changes(cursor, schema, below))


def _blocked(conn: psycopg.Connection, schema: str, patience: float) -> str:
    relations = [sql.Identifier(schema, table.name).as_string(conn) for table in resources.TABLES]
    relations += [
        sql.Identifier(schema, name).as_string(conn) for name in ("k8s_syncs", "k8s_scopes", "k8s_migrations")
    ]
    try:
        with sessions.transaction(conn) as cursor:
            holder = locking.schema_holder(cursor, schema, relations)
    except psycopg.Error:
        holder = None
    return (
        f"migrating schema {schema}: its tables were in use for {patience:.0f} s by "
        f"{holder or 'a session that has ended by now'}; nothing was changed: let it end, then run again"
    )


def pending(conn: psycopg.Connection, *, schema: str = "public") -> list[str]:
    """List the names of the steps that a safe `migrate` would do; the schema is not changed.

    :raises DatabaseError: as `migrate`.
    :raises UsageError: when the schema's name cannot be used.
    """
    sessions.fit(conn)
    try:
        with sessions.transaction(conn, force_rollback=True) as cursor:
            _enter(cursor, schema)
            missing, changes = _missing(cursor, schema), _changes(cursor, schema)
            _refuse(schema, changes)
            additions.check(cursor, schema)
            return missing + [change.name for change in changes]
    except psycopg.Error as error:
        raise DatabaseError(f"schema {schema}: {explaining.explain(error)}") from error


def _enter(cursor: psycopg.Cursor[Any], schema: str) -> None:
    """Make the schema the one unqualified names mean."""
    schemas.check(schema)
    cursor.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema])
    if cursor.fetchone() is None:
        statement = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)).as_string(cursor)
        raise DatabaseError(f"schema {schema} does not exist: create it ({statement}), or name another one")
    cursor.execute("SELECT set_config('search_path', quote_ident(%s), true)", [schema])


def _missing(cursor: psycopg.Cursor[Any], schema: str) -> list[str]:
    """List the ordered steps that were not done.

    :raises NewerSchemaError: when a newer version did something, or a step was done that we do not know.
    """
    if not _is_recorded(cursor):
        return list(ORDERED)
    cursor.execute("SELECT name, version FROM k8s_migrations")
    record = cursor.fetchall()
    newer = [(Version(version), name, version) for name, version in record if _is_newer(name, version)]
    if newer:
        _, name, version = max(newer)
        raise NewerSchemaError(
            f"schema {schema} was migrated by version {version} ({name}), "
            f"this is version {__version__}: upgrade airflow-provider-k8s-inventory"
        )
    done = {name for name, _ in record}
    return [name for name in ORDERED if name not in done]


def _is_newer(name: str, version: str) -> bool:
    """Tell if a step is unknown to us, or was done by a version after ours: its tables may not be what we write."""
    return Version(version) > Version(__version__) or (_is_ordered(name) and name not in ORDERED)


def _is_ordered(name: str) -> bool:
    return re.match("[0-9]{4}_", name) is not None


def _is_recorded(cursor: psycopg.Cursor[Any]) -> bool:
    cursor.execute("SELECT to_regclass('k8s_migrations')")
    return cursor.fetchone() != (None,)


def _apply(cursor: psycopg.Cursor[Any], names: list[str]) -> None:
    if not _is_recorded(cursor):
        cursor.execute(_RECORD)
    for name in names:
        text = files.files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
        try:
            cursor.execute(text.encode())
        except errors.DuplicateTable as error:
            raise DatabaseError(
                f"migration {name}: {error.diag.message_primary}, and this package did not make it: "
                "rename or drop it, or use a schema of its own"
            ) from error
        _note(cursor, name, [text])


def _note(cursor: psycopg.Cursor[Any], name: str, statements: list[str]) -> None:
    cursor.execute(
        "INSERT INTO k8s_migrations (name, version, statements) VALUES (%s, %s, %s)",
        [name, __version__, statements],
    )


def _refuse(schema: str, changes: list[tables.Change]) -> None:
    destructive = [change for change in changes if change.destroys]
    if destructive:
        lines = "\n".join(f"  {change.destroys}: {'; '.join(change.sql)}" for change in destructive)
        raise DestructiveChangeError(
            f"schema {schema} cannot be migrated without destroying data, and nothing was changed. "
            f"Use another schema, or migrate with mode forced, which would run:\n{lines}"
        )
