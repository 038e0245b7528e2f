"""The scopes of a run share connections: as few as will do, and a line that is late is written by any that works."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import Scope
from airflow_provider_k8s_inventory.sync.database import Database
from airflow_provider_k8s_inventory.sync.recording import blank
from tests.kit.inventory import Inventory

REFUSED = (
    'PostgreSQL at db:5432/inventory: FATAL: too many connections for role "inventory"; lower max_parallel_requests'
)


class Server:
    """Opens connections until there are too many."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.most = 1
        self.opened: list[psycopg.Connection] = []
        self.refused = threading.Event()

    def __call__(self) -> psycopg.Connection:
        if sum(not conn.closed for conn in self.opened) >= self.most:
            self.refused.set()
            raise DatabaseError(REFUSED)
        self.opened.append(psycopg.connect(self._dsn))
        return self.opened[-1]


@pytest.fixture
def server(migrated_database: str) -> Server:
    return Server(migrated_database)


@pytest.fixture
def shared(server: Server) -> Iterator[Database]:
    with closing(Database(server, "public", patience=0)) as opened:
        yield opened


def test_it_is_kept_for_those_to_come_and_closed_after_the_last(shared: Database, server: Server) -> None:
    shared.expect(2)
    closed = []
    for _ in range(2):
        with shared.connection() as conn:
            pass
        closed.append(conn.closed)

    assert closed == [False, True]
    assert len(server.opened) == 1


def test_who_is_refused_waits_for_one_of_ours(shared: Database, server: Server) -> None:
    def use() -> psycopg.Connection:
        with shared.connection() as conn:
            return conn

    with ThreadPoolExecutor(3) as executor:
        with shared.connection() as first:
            waiting = [executor.submit(use) for _ in range(3)]
            assert server.refused.wait(10)
        assert [future.result(timeout=10) for future in waiting] == [first] * 3


def test_who_waits_opens_one_when_ours_broke(shared: Database, server: Server) -> None:
    def use() -> psycopg.Connection:
        with shared.connection() as conn:
            return conn

    with ThreadPoolExecutor(1) as executor:
        with shared.connection() as first:
            waiting = executor.submit(use)
            assert server.refused.wait(10)
            first.close()
        assert waiting.result(timeout=10) is not first


def test_where_none_is_ours_the_refusal_says_what_to_lower(shared: Database, server: Server) -> None:
    server.most = 0
    with pytest.raises(DatabaseError, match="too many connections"), shared.connection():
        pass


def test_one_that_was_ended_while_it_was_idle_is_not_used(
    shared: Database, server: Server, inventory: Inventory
) -> None:
    shared.expect(3)
    with shared.connection() as first:
        pass
    inventory.query("SELECT pg_terminate_backend(%s)", first.info.backend_pid)
    with shared.connection() as second:
        assert second.execute("SELECT 1").fetchone() == (1,)

    assert first.closed


def test_a_line_that_is_late_is_written_at_the_end(server: Server, inventory: Inventory) -> None:
    server.most = 0
    with closing(Database(server, "public", patience=0)) as shared:
        shared.late(blank(Scope(context_name="dev", resource="pods"), "failed", "the database was away"))
        server.most = 1

    assert [(row["resource"], row["reason"]) for row in inventory.ledger()] == [("pods", "the database was away")]


def test_a_line_that_cannot_be_written_at_all_is_in_the_log(
    server: Server, inventory: Inventory, caplog: pytest.LogCaptureFixture
) -> None:
    server.most = 0
    with caplog.at_level(logging.WARNING), closing(Database(server, "public", patience=0)) as shared:
        shared.late(blank(Scope(context_name="dev", resource="pods"), "failed", "the database was away"))

    assert "1 lines are not in the ledger: " in caplog.text
    assert inventory.ledger() == []
