"""A database that falls silent ends the sync that waits for it, and one that is only slow does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory import sync as core
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.postgres import connecting, sessions, silence
from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.kit.inventory import Inventory
from tests.kit.objects import pods
from tests.kit.silent_proxy import SilentProxy, silent_proxy
from tests.kit.syncer import Syncer


def connect_impatiently(dsn: str) -> psycopg.Connection:
    """A connection that asks a silent server after tenths of a second, and not after most of a minute."""
    conn = psycopg.connect(dsn)
    silence.guard(conn, after=0.3, patience=0.5)
    sessions.fit(conn)
    return conn


@pytest.fixture
def proxied(migrated_database: str) -> Iterator[tuple[str, SilentProxy]]:
    with silent_proxy(migrated_database) as proxied:
        yield proxied


def keepalives(conn: psycopg.Connection) -> dict[str, int]:
    """What the operating system has for the connection."""
    with socket.socket(fileno=socket.dup(conn.fileno())) as same:
        return {
            name: same.getsockopt(socket.IPPROTO_TCP, getattr(socket, option))
            for name, option in sessions.KEEPALIVES.items()
            if hasattr(socket, option)
        }


def test_a_statement_ends_when_the_server_is_gone(proxied: tuple[str, SilentProxy]) -> None:
    dsn, proxy = proxied
    with connect_impatiently(dsn) as conn:
        conn.execute("SELECT 1")
        proxy.fall_silent()
        with pytest.raises(psycopg.OperationalError, match="has fallen silent"):
            conn.execute("SELECT 1")
        assert conn.closed


def test_a_migration_says_so(proxied: tuple[str, SilentProxy]) -> None:
    dsn, proxy = proxied
    with connect_impatiently(dsn) as conn:
        proxy.fall_silent()
        with pytest.raises(DatabaseError, match="fallen silent, and does not accept connections; check the network"):
            migrate(conn)


def test_a_failed_sync_is_recorded_over_another_connection(
    proxied: tuple[str, SilentProxy], dev: Cluster, sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    dsn, proxy = proxied
    dev.seed("pods", pods(3))
    with connect_impatiently(dsn) as conn, sync.client() as client:
        proxy.fall_silent()
        report = core.run(client, conn, "pods", connect=partial(psycopg.connect, migrated_database))

    assert (report.status, inventory.last()["reason"]) == ("failed", report.reason)
    assert "has fallen silent" in (report.reason or "")


def test_a_slow_statement_is_waited_for(proxied: tuple[str, SilentProxy]) -> None:
    dsn, _ = proxied
    with connect_impatiently(dsn) as conn:
        assert conn.execute("SELECT 1 FROM pg_sleep(1.5)").fetchone() == (1,)


def test_the_operating_system_ends_a_connection_to_a_machine_that_vanished(migrated_database: str) -> None:
    with connecting.connect(migrated_database) as conn:
        found = keepalives(conn)

    assert found == {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60000}


def test_what_the_connection_string_says_of_it_stays(migrated_database: str) -> None:
    with connecting.connect(f"{migrated_database}?keepalives_idle=77&tcp_user_timeout=5000") as conn:
        found = keepalives(conn)

    assert (found["keepalives_idle"], found["tcp_user_timeout"]) == (77, 5000)


def test_postgresql_ends_the_session_of_a_worker_that_vanished(migrated_database: str) -> None:
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
    with connecting.connect(migrated_database) as conn:
        with sessions.transaction(conn) as cursor:
            within = [cursor.execute(f"SHOW {name}".encode()).fetchone() for name in names]
            idle = cursor.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        after = conn.execute("SHOW idle_in_transaction_session_timeout").fetchone()

    assert within == [("60",), ("10",), ("3",), ("90000",)]
    assert (idle, after) == (("15min",), ("0",))
