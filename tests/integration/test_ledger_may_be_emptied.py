"""The ledger is a log: a sync, the freshness of scopes and the words of the command line do without its lines."""

from __future__ import annotations

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Simulator

from airflow_provider_k8s_inventory.postgres import inventoried, scopes
from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, named, pods, widget_definition
from tests.kit.syncer import Syncer


@pytest.fixture
def synced_dev(dev: Cluster, sync: Syncer) -> Cluster:
    """A cluster with three pods, which were synced."""
    dev.seed("pods", pods(3))
    assert sync().status == "success"
    return dev


def empty(inventory: Inventory) -> None:
    inventory.query("TRUNCATE k8s_syncs")


@pytest.mark.parametrize("mode", ["metadata", "delta"])
def test_the_next_sync_is_as_cheap(mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    empty(inventory)
    synced_dev.delete("pods", "web-0001", "default")
    report = sync(mode=mode)

    assert (report.mode, report.fallback, report.deleted) == (mode, None, 1)


@pytest.mark.usefixtures("synced_dev")
def test_the_checks_of_all_objects_come_as_often(sync: Syncer, inventory: Inventory) -> None:
    reports = []
    for _ in range(4):
        reports.append(sync(mode="delta", verify_every=2))
        empty(inventory)

    assert [report.drift for report in reports] == [None, 0, None, 0]


@pytest.mark.usefixtures("synced_dev")
def test_freshness_and_health_stay(simulator: Simulator, sync: Syncer, inventory: Inventory) -> None:
    sync("clusters")
    simulator.stop("dev")
    sync()

    def seen() -> list[object]:
        freshness = inventory.query("SELECT to_jsonb(f) - 'age' AS f FROM k8s_freshness AS f ORDER BY resource")
        health = inventory.query("SELECT to_jsonb(h) - 'oldest_age' AS h FROM k8s_cluster_health AS h")
        return [freshness, health]

    before = seen()
    empty(inventory)

    assert seen() == before


@pytest.mark.usefixtures("synced_dev")
def test_status_says_the_same(sync: Syncer, run: CommandLine, inventory: Inventory) -> None:
    sync("pods", context="prod")
    empty(inventory)
    ended = run("status", "--dsn", run.dsn)

    assert ended.exit_code == 0
    assert "Scopes: 2, Clusters: 2, Fresh: 2, Not fresh: 0" in ended.output


def test_a_resource_that_is_gone_everywhere_was_once_there(
    dev: Cluster, sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    dev.create("crd", widget_definition())
    dev.seed(WIDGETS, [named("w", "shop")])
    sync(WIDGETS)
    sync("gadgets.example.com")
    empty(inventory)

    with psycopg.connect(migrated_database) as conn:
        assert inventoried.synced(conn, "public") == {WIDGETS}
        assert {each.name for each in inventoried.lookup(conn, "public", "widgets")} == {WIDGETS}


def test_the_past_of_a_scope_stays(
    simulator: Simulator, sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    first = sync()
    good = sync()
    simulator.stop("dev")
    bad = sync()
    empty(inventory)

    with psycopg.connect(migrated_database) as conn:
        found = scopes.past(conn, schema="public", scopes=[bad.scope])
    assert found == {bad.scope: scopes.Past(first_at=first.finished_at, good_at=good.finished_at)}
