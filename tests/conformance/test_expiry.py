"""A list whose continue token expires before its end: it starts again, and nothing is counted twice or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.kube.contexts import Context
from tests.fixtures.clusters import LiveCluster
from tests.fixtures.conformance.live_inventory import LiveInventory
from tests.fixtures.conformance.world import CORE, add_service


class Interrupted(Client):
    """A client with whose cluster something happens before a list is continued.

    :param interrupt: what happens.
    :param times: how often, at the most.
    """

    def __init__(self, context: Context, interrupt: Callable[[], None], times: int) -> None:
        super().__init__(context, retries=0)
        self._interrupt = interrupt
        self.left = times

    def get(
        self, path: str, params: Mapping[str, str | int] | None = None, *, accept: str = "application/json"
    ) -> bytes:
        if "continue" in (params or {}) and self.left:
            self.left -= 1
            self._interrupt()
        return super().get(path, params, accept=accept)


@pytest.fixture
def ten(forgetful: LiveCluster, database: str, namespaces: Iterator[str]) -> LiveInventory:
    """An empty inventory, and ten more services in the cluster."""
    name = next(namespaces)
    forgetful.request("POST", CORE, {"metadata": {"name": name}})
    for number in range(10):
        add_service(forgetful, name, f"service-{number}")
    return LiveInventory(forgetful, database)


def test_an_expired_list_starts_again(ten: LiveInventory) -> None:
    with Interrupted(ten.client().context, ten.cluster.compact, times=1) as client:
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

    with Interrupted(ten.client().context, interrupt, times=1) as client:
        report = ten.sync_with(client, "services", page_size=4)

    assert report.status == "success"
    assert set(ten.rows("services")) == {item["metadata"]["uid"] for item in ten.objects("services")}


def test_a_list_that_always_expires_fails_and_changes_nothing(ten: LiveInventory) -> None:
    ten.sync("services")
    before = ten.versions()

    with Interrupted(ten.client().context, ten.cluster.compact, times=100) as client:
        report = ten.sync_with(client, "services", page_size=4)

    assert (report.status, report.inserted, report.deleted) == ("failed", 0, 0)
    assert "page size" in str(report.reason)
    assert ten.versions() == before
