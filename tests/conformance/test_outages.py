"""A cluster that does not answer, or not to us: no row is touched, and the ledger says why."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.kit.agreement import EVERY_MODE
from tests.kit.cluster import LiveCluster
from tests.kit.live_inventory import LiveInventory
from tests.kit.populating import add_service

pytestmark = EVERY_MODE


@pytest.fixture(scope="module")
def cluster(cluster_without_snapshots: LiveCluster) -> LiveCluster:
    """A cluster of its own: the controllers of one that was stopped take their time until they go on."""
    add_service(cluster_without_snapshots, "default", "web")
    return cluster_without_snapshots


@pytest.fixture
def stopped(cluster: LiveCluster, inventory: LiveInventory) -> Iterator[LiveInventory]:
    """An inventory that was synced once, before its cluster stopped."""
    assert inventory.sync("services").inserted > 0
    cluster.stop()
    yield inventory
    cluster.start()


def test_a_stopped_api_server_is_unreachable(stopped: LiveInventory) -> None:
    report = stopped.sync("services")

    assert report.status == "unreachable"
    assert report.reason
    assert stopped.cluster.context in report.reason


def test_rows_stay_while_it_is_stopped(stopped: LiveInventory) -> None:
    before = stopped.versions()
    stopped.sync("services")

    assert stopped.versions() == before


def test_freshness_tells_the_last_success_and_why_it_is_no_better(stopped: LiveInventory) -> None:
    stopped.sync("services")

    with psycopg.connect(stopped.dsn) as conn:
        query = "SELECT last_status, last_reason, last_success_at < last_finished_at FROM k8s_freshness"
        ((status, reason, older),) = conn.execute(query).fetchall()
    assert (status, older) == ("unreachable", True)
    assert reason


def test_it_is_fresh_again_once_it_is_started(stopped: LiveInventory) -> None:
    stopped.sync("services")
    stopped.cluster.start()

    report = stopped.sync("services")

    assert (report.status, report.inserted, report.deleted) == ("success", 0, 0)
    with psycopg.connect(stopped.dsn) as conn:
        assert conn.execute("SELECT last_status FROM k8s_freshness").fetchall() == [("success",)]
