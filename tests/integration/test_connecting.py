"""Connections to PostgreSQL that fail: what a person reads, and that the password is not in it."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors

from airflow_provider_k8s_inventory.exceptions import DatabaseError, InventoryError, UsageError
from airflow_provider_k8s_inventory.postgres.connecting import connect
from airflow_provider_k8s_inventory.postgres.explaining import explain
from airflow_provider_k8s_inventory.postgres.sessions import transaction

SECRET = "hunter2secret"


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that is taken by nobody who listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def failure(dsn: str, kind: type[InventoryError] = DatabaseError) -> str:
    """What a person is told; with a traceback, everything that a log would hold."""
    with pytest.raises(kind) as failed:
        connect(dsn)
    shown = "".join(traceback.format_exception(failed.value))
    assert SECRET not in shown
    assert SECRET not in repr(failed.value)
    return str(failed.value)


def test_a_good_dsn_connects(migrated_database: str) -> None:
    with connect(migrated_database) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
        assert conn.execute("SHOW application_name").fetchone() == ("k8s-inventory",)


def test_what_the_dsn_says_is_left_alone(migrated_database: str) -> None:
    with connect(f"{migrated_database}?application_name=mine&options=-c%20search_path%3Delsewhere") as conn:
        assert conn.execute(
            "SELECT current_setting('application_name'), current_setting('search_path')"
        ).fetchone() == (
            "mine",
            "elsewhere",
        )


def test_keywords_are_a_dsn_too(migrated_database: str) -> None:
    parts = urlsplit(migrated_database)
    keywords = (
        f"host={parts.hostname} port={parts.port} user={parts.username} password={parts.password} dbname=postgres"
    )
    with connect(keywords) as conn:
        assert conn.info.dbname == "postgres"


def test_nobody_listens(free_port: int) -> None:
    message = failure(f"postgresql://u:{SECRET}@127.0.0.1:{free_port}/inventory")

    assert message.startswith(f"PostgreSQL at 127.0.0.1:{free_port}/inventory: ")
    assert message.endswith("check host, port and firewall, and that PostgreSQL is running")


def test_the_server_is_named_as_the_environment_says(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(free_port))
    monkeypatch.setenv("PGPASSWORD", SECRET)

    assert failure("dbname=inventory").startswith(f"PostgreSQL at 127.0.0.1:{free_port}/inventory: ")


def test_the_server_is_named_as_a_service_file_says(
    free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "services"
    services.write_text(f"[stock]\nhost=127.0.0.1\nport={free_port}\nuser=u\npassword={SECRET}\ndbname=inventory\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))

    assert failure("service=stock").startswith("PostgreSQL, service stock: connection failed: ")
    monkeypatch.setenv("PGSERVICE", "stock")
    assert failure("sslmode=prefer").startswith(f"PostgreSQL at 127.0.0.1:{free_port}/inventory: ")


def test_without_a_host_the_server_is_a_local_socket() -> None:
    assert failure("user=nobody_we_know dbname=inventory").startswith("PostgreSQL at the local socket:5432/inventory: ")


def test_a_connection_reads_what_is_committed_and_prepares_nothing(migrated_database: str) -> None:
    with connect(migrated_database) as conn, transaction(conn) as cursor:
        for _ in range(7):
            cursor.execute("SELECT 1")
        found = cursor.execute(
            "SELECT current_setting('transaction_isolation'), (SELECT count(*) FROM pg_prepared_statements)"
        ).fetchone()

    assert found == ("read committed", 0)


def test_a_host_that_does_not_exist() -> None:
    message = failure(f"postgresql://u:{SECRET}@no-such-host.invalid/inventory")

    assert "no-such-host.invalid" in message
    assert message.endswith("check host, port and firewall, and that PostgreSQL is running")


def test_a_wrong_password(migrated_database: str) -> None:
    parts = urlsplit(migrated_database)
    message = failure(parts._replace(netloc=f"postgres:{SECRET}@{parts.hostname}:{parts.port}").geturl())

    assert "password authentication failed" in message
    assert message.endswith("; check the password")


def test_no_password(migrated_database: str) -> None:
    parts = urlsplit(migrated_database)

    assert failure(parts._replace(netloc=f"postgres@{parts.hostname}:{parts.port}").geturl()).endswith(
        "check the password"
    )


def test_a_database_that_does_not_exist(migrated_database: str) -> None:
    message = failure(urlsplit(migrated_database)._replace(path="/nowhere").geturl())

    assert message.endswith('database "nowhere" does not exist; create the database, or correct its name')


@pytest.mark.parametrize(
    "dsn",
    [
        "nonsense",
        f"mysql://u:{SECRET}@host/database",
        f"password={SECRET} nonsense",
        f"postgresql://u:{SECRET}@host/database?nonsense=1",
        f"postgresql://u:{SECRET}%zz@host/database",
        f"password='{SECRET}",
    ],
)
def test_what_is_no_dsn(dsn: str) -> None:
    said = "the DSN is not a connection string; write postgresql://user:password@host/database"
    assert failure(dsn, UsageError) == said


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:p@{SECRET}@127.0.0.1:1/database",
        f"postgresql://u:p/{SECRET}@127.0.0.1:1/database",
        f"postgresql://u:{SECRET}/p@127.0.0.1:1/database",
        f"postgresql://u:p#/{SECRET}@127.0.0.1:1/database",
        f"postgresql://{SECRET}/u@127.0.0.1:1/database?port=1",
        f"postgresql://u:{SECRET}",
        f"postgresql://u:{SECRET}\0@host/database",
        f"host=127.0.0.1 port={SECRET}",
    ],
)
def test_a_password_that_is_not_quoted(dsn: str) -> None:
    assert "write special characters of the password as %XX" in failure(dsn, UsageError)


def test_a_port_that_is_none() -> None:
    assert "port" in failure(f"postgresql://u:{SECRET}@127.0.0.1:99999999/database")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (errors.InsufficientPrivilege("no"), "no; grant the user TEMPORARY on the database, USAGE and CREATE"),
        (errors.ReadOnlySqlTransaction("no"), "no; connect to the primary, not to a read-only replica"),
        (errors.UndefinedTable("no"), "no; migrate the database first"),
        (errors.DiskFull("no"), "no; make room on the server's disk"),
        (errors.IdleInTransactionSessionTimeout("no"), "no; raise idle_in_transaction_session_timeout"),
        (errors.UniqueViolation("no"), "no; it is not of this package: drop it"),
        (errors.ForeignKeyViolation("no"), "no; a table that is not of this package refers to the row"),
        (
            errors.LockNotAvailable("canceling statement due to lock timeout"),
            "canceling statement due to lock timeout; ",
        ),
        (
            errors.QueryCanceled("canceling statement due to statement timeout"),
            "canceling statement due to statement t",
        ),
        (errors.QueryCanceled("canceling statement due to user request"), "canceling statement due to user request"),
        # PostgreSQL speaks the language of lc_messages.
        (errors.QueryCanceled("storniere Anfrage"), "storniere Anfrage; if statement_timeout is set for this user"),
        (errors.LockNotAvailable("storniere Anfrage"), "storniere Anfrage; something else holds a lock on the table"),
        (errors.IdleSessionTimeout("abgebrochen"), "abgebrochen; raise idle_session_timeout"),
        (errors.TransactionTimeout("abgebrochen"), "abgebrochen; raise transaction_timeout"),
        (errors.SyntaxError("timeout"), "timeout"),
        (
            errors.ProtocolViolation("transaction blocks not allowed in statement pooling mode"),
            "transaction blocks not allowed in statement pooling mode; a sync is a transaction: set PgBouncer's",
        ),
        (errors.ProtocolViolation("query_wait_timeout"), "query_wait_timeout; PgBouncer had no server connection"),
        (psycopg.OperationalError(), "OperationalError"),
        (psycopg.OperationalError("several\n  lines"), "several lines"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(error: psycopg.Error, advice: str) -> None:
    assert explain(error).startswith(advice)
    assert "\n" not in explain(error)
