"""A list whose continue token expires before its end: it starts again, and nothing is counted twice or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.kit.cluster import LiveCluster
from tests.kit.interrupted import Interrupted
from tests.kit.live_inventory import LiveInventory
from tests.kit.populating import CORE, add_service


@pytest.fixture
def ten_services(
    cluster_without_snapshots: LiveCluster, migrated_database: str, namespaces: Iterator[str]
) -> Iterator[LiveInventory]:
    """An empty inventory, and ten more services in the cluster."""
    name = next(namespaces)
    cluster_without_snapshots.request("POST", CORE, {"metadata": {"name": name}})
    for number in range(10):
        add_service(cluster_without_snapshots, name, f"service-{number}")
    with LiveInventory(cluster_without_snapshots, migrated_database) as opened:
        yield opened


def interrupted(inventory: LiveInventory, happens: Callable[[], None], *, times: int = 1) -> Interrupted:
    """A client with whose cluster something happens before a list is continued."""
    return Interrupted(inventory.sync.client().context, "continue=", happens, times=times)


def test_an_expired_list_starts_again(ten_services: LiveInventory) -> None:
    with interrupted(ten_services, ten_services.cluster.compact) as client:
        report = ten_services.sync("services", client=client, page_size=4)

    uids = {item["metadata"]["uid"] for item in ten_services.objects("services")}
    assert client.left == 0
    assert (report.status, report.seen, report.inserted) == ("success", len(uids), len(uids))
    assert set(ten_services.by_uid("services")) == uids


def test_what_was_deleted_before_it_started_again_is_no_row(ten_services: LiveInventory) -> None:
    first = ten_services.objects("services")[0]["metadata"]

    def interrupt() -> None:
        ten_services.cluster.request("DELETE", f"{CORE}/{first['namespace']}/services/{first['name']}")
        ten_services.cluster.compact()

    with interrupted(ten_services, interrupt) as client:
        report = ten_services.sync("services", client=client, page_size=4)

    assert report.status == "success"
    assert set(ten_services.by_uid("services")) == {
        item["metadata"]["uid"] for item in ten_services.objects("services")
    }


def test_a_list_that_always_expires_fails_and_changes_nothing(ten_services: LiveInventory) -> None:
    ten_services.sync("services")
    before = ten_services.versions()

    with interrupted(ten_services, ten_services.cluster.compact, times=100) as client:
        report = ten_services.sync("services", client=client, page_size=4, mode="full")

    assert (report.status, report.inserted, report.deleted) == ("failed", 0, 0)
    assert "a page_size (--page-size) above 4" in str(report.reason)
    assert ten_services.versions() == before
