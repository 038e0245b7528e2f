"""Old lines of the ledger are deleted in short transactions, and nothing depends on it."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.postgres import ledger
from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory


def fill(inventory: Inventory, *, days: int, lines: int = 1) -> None:
    """Write lines of so many days ago."""
    inventory.query(
        "INSERT INTO k8s_syncs (context_name, resource, mode, status, started_at, finished_at, pages, bytes, seen,"
        " inserted, updated, unchanged, deleted, warnings)"
        f" SELECT 'dev', 'pods', 'full', 'success', t, t, 1, 1, 1, 1, 0, 0, 0, '{{}}'"
        f" FROM generate_series(1, {lines}), (SELECT now() - interval '{days} days' AS t) AS x"
    )


def ages(inventory: Inventory) -> list[int]:
    rows = inventory.query("SELECT extract(day FROM now() - finished_at)::int AS days FROM k8s_syncs ORDER BY id")
    return [row["days"] for row in rows]


def test_more_lines_than_one_transaction_takes_are_deleted(migrated_database: str, inventory: Inventory) -> None:
    fill(inventory, days=100, lines=2 * ledger.BATCH + 1)
    fill(inventory, days=1)
    with psycopg.connect(migrated_database) as conn:
        deleted = ledger.prune(conn, schema="public", keep=timedelta(days=90))

    assert deleted == 2 * ledger.BATCH + 1
    assert ages(inventory) == [1]


def test_a_role_that_may_not_delete_is_told_what_to_grant(migrated_database: str, inventory: Inventory) -> None:
    fill(inventory, days=100)
    inventory.query("CREATE ROLE no_pruner")
    try:
        inventory.query("GRANT SELECT, INSERT ON k8s_syncs TO no_pruner")
        with psycopg.connect(migrated_database) as conn:
            conn.execute("SET ROLE no_pruner")
            conn.commit()
            with pytest.raises(DatabaseError) as raised:
                ledger.prune(conn, schema="public", keep=timedelta(days=90))
    finally:
        inventory.query("DROP OWNED BY no_pruner")
        inventory.query("DROP ROLE no_pruner")

    assert str(raised.value) == (
        "the ledger was not pruned: permission denied for table k8s_syncs: grant DELETE on k8s_syncs of schema public, "
        "or keep all lines with keep_syncs=0 (--keep-syncs 0)"
    )
    assert ages(inventory) == [100]


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [((), [80, 0]), (("--keep-syncs", "30"), [0]), (("--keep-syncs", "0"), [100, 80, 0])],
    ids=["by default", "30", "0"],
)
def test_the_command_line_prunes_at_its_end(
    arguments: tuple[str, ...], kept: list[int], run: CommandLine, inventory: Inventory
) -> None:
    fill(inventory, days=100)
    fill(inventory, days=80)
    ended = run.sync("--context", "dev", "--resource", "pods", *arguments)

    assert ended.exit_code == 0
    assert ages(inventory) == kept


@pytest.mark.alters_database
def test_a_sync_that_cannot_prune_is_as_good(run: CommandLine, inventory: Inventory) -> None:
    fill(inventory, days=100)
    inventory.query("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not today'; END$$")
    try:
        inventory.query("CREATE TRIGGER keep BEFORE DELETE ON k8s_syncs EXECUTE FUNCTION keep()")
        ended = run.sync("--context", "dev", "--resource", "pods")
    finally:
        inventory.query("DROP FUNCTION keep CASCADE")

    assert ended.exit_code == 0
    assert "warning: the ledger was not pruned: not today" in ended.output
    assert ages(inventory) == [100, 0]


def test_it_finds_old_lines_by_an_index(migrated_database: str, inventory: Inventory) -> None:
    fill(inventory, days=1, lines=5000)
    inventory.query("ANALYZE k8s_syncs")
    plan = inventory.query(
        "EXPLAIN SELECT id FROM k8s_syncs WHERE finished_at < now() - interval '90 days'"
        " ORDER BY finished_at, id LIMIT 9"
    )

    assert any("k8s_syncs_finished" in line for row in plan for line in row.values())
