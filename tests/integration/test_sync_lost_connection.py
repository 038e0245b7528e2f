"""The database goes away in the middle of a sync: an error that says so, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster
from psycopg.rows import dict_row

from airflow_provider_k8s_inventory.exceptions import DatabaseError, UsageError
from tests.kit.inventory import Inventory
from tests.kit.objects import pods
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.alters_database


@contextmanager
def doomed(inventory: Inventory) -> Iterator[None]:
    """Whoever inserts a pod loses the connection in the middle of it."""
    inventory.query(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
    )
    inventory.query("CREATE TRIGGER die BEFORE INSERT ON k8s_pods EXECUTE FUNCTION die()")
    yield
    inventory.query("DROP FUNCTION die CASCADE")


def test_a_lost_connection_is_a_database_error(
    dev: Cluster, sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    dev.seed("pods", pods(6))
    sync()
    before = inventory.versions()
    dev.delete("pods", "web-0000", "default")
    dev.seed("pods", pods(1, prefix="new"))
    conn = psycopg.connect(migrated_database)
    with doomed(inventory), pytest.raises(DatabaseError) as lost:
        sync(conn=conn)

    assert str(lost.value).startswith("dev · pods: failed: PostgreSQL, syncing dev · pods: ")
    assert "the ledger could not be written" in str(lost.value)
    assert conn.closed
    assert inventory.versions() == before
    assert len(inventory.ledger()) == 1


def test_the_next_sync_makes_up_for_it(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(6))
    with doomed(inventory), pytest.raises(DatabaseError):
        sync()

    assert sync().inserted == 6


def test_a_database_that_was_not_migrated_is_an_error_that_says_what_to_do(
    dev: Cluster, sync: Syncer, empty_database: str
) -> None:
    with psycopg.connect(empty_database) as conn, pytest.raises(DatabaseError, match="migrate the database first"):
        sync(conn=conn)


def test_a_table_that_is_missing_is_a_failed_scope(sync: Syncer, inventory: Inventory) -> None:
    inventory.query("DROP TABLE k8s_nodes CASCADE")
    report = sync("nodes")

    assert report.status == "failed"
    assert 'relation "public.k8s_nodes" does not exist; migrate the database first' in (report.reason or "")
    assert sync("pods").status == "success"


def test_a_column_that_is_missing_is_a_failed_scope(sync: Syncer, inventory: Inventory) -> None:
    inventory.query("ALTER TABLE k8s_nodes DROP COLUMN roles CASCADE")
    report = sync("nodes")

    assert "migrate the database first: it was made by an older version" in (report.reason or "")


@pytest.mark.parametrize(
    ("granted", "denied"),
    [
        ("SELECT, INSERT, UPDATE ON k8s_syncs, k8s_scopes", "permission denied for table k8s_pods"),
        ("SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public", "permission denied to create temporary tables"),
    ],
)
def test_a_user_who_lacks_a_right_is_told_which(
    granted: str, denied: str, dev: Cluster, sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    dev.seed("pods", pods(1))
    sync()  # a scope without rows would need no temporary table
    inventory.query("CREATE ROLE limited_writer")
    try:
        inventory.query(f"GRANT {granted} TO limited_writer")
        if "temporary" in denied:
            (name,) = inventory.query("SELECT quote_ident(current_database()) AS name")
            inventory.query(f"REVOKE TEMPORARY ON DATABASE {name['name']} FROM PUBLIC")
        with psycopg.connect(migrated_database) as conn:
            conn.execute("SET ROLE limited_writer")
            conn.commit()
            report = sync(conn=conn)
    finally:
        inventory.query("DROP OWNED BY limited_writer")
        inventory.query("DROP ROLE limited_writer")

    assert report.status == "failed"
    assert denied in (report.reason or "")
    assert "; grant the user TEMPORARY on the database" in (report.reason or "")


def test_an_open_transaction_is_wrong_usage(sync: Syncer, migrated_database: str, inventory: Inventory) -> None:
    with psycopg.connect(migrated_database) as conn:
        conn.execute("SELECT 1")
        with pytest.raises(UsageError, match="commit or roll back"):
            sync(conn=conn)

    assert inventory.ledger() == []


def test_a_connection_may_have_rows_of_another_kind(dev: Cluster, sync: Syncer, migrated_database: str) -> None:
    dev.seed("pods", pods(3))
    with psycopg.connect(migrated_database, row_factory=dict_row) as conn:
        assert sync(conn=conn).inserted == 3  # type: ignore[arg-type]


def test_a_read_only_database_is_a_database_error(dev: Cluster, sync: Syncer, migrated_database: str) -> None:
    with (
        psycopg.connect(migrated_database, options="-c default_transaction_read_only=on") as conn,
        pytest.raises(DatabaseError, match="connect to the primary"),
    ):
        sync(conn=conn)
