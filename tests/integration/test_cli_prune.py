"""`k8s-inventory prune` says what it did; a sync prunes at its end, and is no worse for what it cannot drop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from airflow_provider_k8s_inventory.postgres import sessions
from airflow_provider_k8s_inventory.postgres.migrations import partitions
from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory

AS_MIGRATED = "CREATE TABLE k8s_history_later PARTITION OF k8s_history FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
pytestmark = pytest.mark.alters_database


@pytest.fixture
def old(inventory: Inventory) -> Inventory:
    """Changes, marked rows and lines of the ledger of 100, 40 and 0 days ago."""
    inventory.query(
        "INSERT INTO k8s_history (context_name, resource, uid, name, change, at, sync_id)"
        " SELECT 'dev', resource, 'u', resource || ' ' || days, 'updated', now() - days * interval '1 day', 1"
        " FROM unnest(ARRAY['pods', 'nodes']) AS resource, unnest(ARRAY[100, 40, 0]) AS days"
    )
    inventory.query(
        "INSERT INTO k8s_pods (context_name, uid, name, labels, annotations, first_seen_at, changed_at, deleted_at)"
        " SELECT 'gone', days, days, '{}', '{}', at, at, at"
        " FROM unnest(ARRAY[100, 40, 0]) AS days, LATERAL (SELECT now() - days * interval '1 day' AS at) AS x"
    )
    inventory.query(
        "INSERT INTO k8s_syncs (context_name, resource, mode, status, started_at, finished_at, pages, bytes, seen,"
        " inserted, updated, unchanged, deleted, warnings)"
        " SELECT 'dev', 'nodes', 'full', 'success', at, at, 1, 1, 1, 1, 0, 0, 0, '{}'"
        " FROM unnest(ARRAY[100, 40, 0]) AS days, LATERAL (SELECT now() - days * interval '1 day' AS at) AS x"
    )
    return inventory


def changes(inventory: Inventory) -> set[str]:
    return {row["name"] for row in inventory.query("SELECT name FROM k8s_history")}


def marked(inventory: Inventory) -> set[str]:
    return {row["name"] for row in inventory.rows("k8s_pods") if row["deleted_at"]}


def test_it_says_what_it_did(run: CommandLine, old: Inventory) -> None:
    ended = run("prune", "--dsn", run.dsn, "--history", "nodes:50")

    assert ended.exit_code == 0
    # Nodes of 100 days ago, and pods of 100 and 40, as some of their months are kept for nodes.
    assert "Changes: 3 deleted\n" in ended.stdout
    assert "Rows marked as deleted: 2 deleted\nLines of the ledger: 1 deleted\n" in ended.stdout
    assert changes(old) == {"pods 0", "nodes 40", "nodes 0"}
    assert marked(old) == {"0"}
    assert len(old.ledger()) == 2


def test_it_drops_whole_months(run: CommandLine, old: Inventory) -> None:
    now = datetime.now(UTC)
    with psycopg.connect(run.dsn) as conn:
        conn.execute("CREATE TEMPORARY TABLE spare AS SELECT * FROM k8s_history")
        with sessions.transaction(conn) as cursor:
            for part in partitions.read(cursor, "public"):
                partitions.drop(cursor, "public", part.name)
        conn.execute(AS_MIGRATED)
        conn.commit()
        partitions.make_ahead(conn, "public", now=now - timedelta(days=110))
        conn.execute("INSERT INTO k8s_history SELECT * FROM spare")
    ended = run("prune", "--dsn", run.dsn)

    assert "\nDropped: k8s_history_" in ended.stdout
    assert not {"pods 100", "nodes 100"} & changes(old)
    assert {"pods 0", "nodes 0"} <= changes(old)


def test_it_says_when_there_is_nothing_to_do(run: CommandLine, inventory: Inventory) -> None:
    run("prune", "--dsn", run.dsn)
    ended = run("prune", "--dsn", run.dsn)

    assert (ended.exit_code, ended.stdout) == (0, "Nothing is older than it is kept.\n")


def test_nothing_goes_where_all_is_kept(run: CommandLine, old: Inventory) -> None:
    ended = run("prune", "--dsn", run.dsn, "--keep-history", "0", "--keep-syncs", "0")

    assert "deleted" not in ended.stdout
    assert len(changes(old)) == 6
    assert len(old.ledger()) == 3


def test_it_makes_the_months_to_come(run: CommandLine, inventory: Inventory) -> None:
    for row in inventory.query(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'k8s_history'::regclass"
    ):
        inventory.query(f"DROP TABLE {row['name']}")
    inventory.query(AS_MIGRATED)
    ended = run("prune", "--dsn", run.dsn)

    assert ended.stdout.startswith("Made ahead: k8s_history_2")
    assert ended.stdout.count("k8s_history_2") == partitions.AHEAD + 1


@pytest.mark.parametrize("rule", ["pods:soon", "what:on", "pods:-5"])
def test_a_rule_that_cannot_be_is_wrong_usage(rule: str, run: CommandLine) -> None:
    for ended in (run("prune", "--dsn", run.dsn, "--history", rule), run.sync("--history", rule)):
        assert ended.exit_code == 2
        assert "Error: history: " in ended.stderr


def test_what_cannot_be_dropped_is_an_error_and_the_rest_goes(run: CommandLine, old: Inventory) -> None:
    old.query("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not today'; END$$")
    old.query("CREATE TRIGGER keep BEFORE DELETE ON k8s_pods EXECUTE FUNCTION keep()")
    ended = run("prune", "--dsn", run.dsn)

    assert ended.exit_code == 1
    assert "Error: history was not pruned: not today" in ended.stderr
    assert "Lines of the ledger: 1 deleted" in ended.stdout


def test_a_database_without_tables_is_told(empty_database: str, run: CommandLine) -> None:
    ended = run("prune", "--dsn", empty_database)

    assert ended.exit_code == 1
    assert "migrate the database first" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ((), {"0"}),
        (("--keep-history", "60"), {"0", "40"}),
        (("--keep-history", "0"), {"0", "40", "100"}),
        (("--history", "pods:0"), {"0", "40", "100"}),
    ],
)
def test_a_sync_prunes_at_its_end(arguments: tuple[str, ...], kept: set[str], run: CommandLine, old: Inventory) -> None:
    ended = run.sync("--context", "dev", "--resource", "namespaces", *arguments)

    assert ended.exit_code == 0
    assert marked(old) == kept


def test_a_sync_that_cannot_prune_is_as_good(run: CommandLine, old: Inventory) -> None:
    old.query("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not today'; END$$")
    old.query("CREATE TRIGGER keep BEFORE DELETE ON k8s_pods EXECUTE FUNCTION keep()")
    ended = run.sync("--context", "dev", "--resource", "namespaces")

    assert ended.exit_code == 0
    assert "warning: history was not pruned: not today" in ended.stderr


def test_a_sync_beside_a_pruning_says_what_is_left(run: CommandLine, old: Inventory) -> None:
    with psycopg.connect(run.dsn) as conn:
        conn.execute(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended('k8s_inventory/public/gone/pods pruned', 0))"
        )
        ended = run("prune", "--dsn", run.dsn)

    assert ended.exit_code == 0
    assert "warning: marked rows of gone · pods stay until the next pruning, as a sync is running" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ((), {"namespaces", "nodes"}),
        (("--no-history",), set()),
        (("--no-history", "--no-history", "nodes"), set()),
        (("--no-history", "no"), {"namespaces"}),
        (("--no-history", "n*"), set()),
        (("--history", "off"), set()),
        (("--history", "nodes:90", "--no-history"), {"nodes"}),
        (("--history", "leases:on"), {"namespaces", "nodes", "leases"}),
    ],
)
def test_a_sync_keeps_the_history_that_is_asked_for(
    arguments: tuple[str, ...], kept: set[str], run: CommandLine, inventory: Inventory
) -> None:
    asked = [part for name in ("namespaces", "nodes", "leases") for part in ("--resource", name)]
    ended = run.sync("--context", "dev", *asked, *arguments)

    assert ended.exit_code == 0
    # NULL: no history is kept of the resource.
    assert {row["resource"] for row in inventory.ledger() if row["changes"] is not None} == kept
