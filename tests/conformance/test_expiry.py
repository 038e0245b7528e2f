"""A list whose continue token expires before its end: it starts again, and nothing is counted twice or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fixtures.clusters import LiveCluster
from tests.fixtures.conformance.live_inventory import LiveInventory
from tests.fixtures.conformance.world import CORE, add_service
from tests.fixtures.interrupted import Interrupted


@pytest.fixture
def ten(forgetful: LiveCluster, database: str, namespaces: Iterator[str]) -> LiveInventory:
    """An empty inventory, and ten more services in the cluster."""
    name = next(namespaces)
    forgetful.request("POST", CORE, {"metadata": {"name": name}})
    for number in range(10):
        add_service(forgetful, name, f"service-{number}")
    return LiveInventory(forgetful, database)


def interrupted(inventory: LiveInventory, happens: Callable[[], None], *, times: int = 1) -> Interrupted:
    """A client with whose cluster something happens before a list is continued."""
    return Interrupted(inventory.client().context, "continue=", happens, times=times)


def test_an_expired_list_starts_again(ten: LiveInventory) -> None:
    with interrupted(ten, ten.cluster.compact) as client:
        report = ten.sync_with(client, "services", page_size=4)

    uids = {item["metadata"]["uid"] for item in ten.objects("services")}
    assert client.left == 0
    assert (report.status, report.seen, report.inserted) == ("success", len(uids), len(uids))
    assert set(ten.rows("services")) == uids


def test_what_was_deleted_before_it_started_again_is_no_row(ten: LiveInventory) -> None:
    first = ten.objects("services")[0]["metadata"]

    def interrupt() -> None:
        ten.cluster.request("DELETE", f"{CORE}/{first['namespace']}/services/{first['name']}")
        ten.cluster.compact()

    with interrupted(ten, interrupt) as client:
        report = ten.sync_with(client, "services", page_size=4)

    assert report.status == "success"
    assert set(ten.rows("services")) == {item["metadata"]["uid"] for item in ten.objects("services")}


def test_a_list_that_always_expires_fails_and_changes_nothing(ten: LiveInventory) -> None:
    ten.sync("services")
    before = ten.versions()

    with interrupted(ten, ten.cluster.compact, times=100) as client:
        report = ten.sync_with(client, "services", page_size=4, mode="full")

    assert (report.status, report.inserted, report.deleted) == ("failed", 0, 0)
    assert "a page_size (--page-size) above 4" in str(report.reason)
    assert ten.versions() == before
