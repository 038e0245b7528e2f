"""A scope that would lose much is asked for a second time, over a new connection; only what both say counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.model import SyncReport
from tests.kit.balanced import KUBE_SYSTEM, Balanced, balanced
from tests.kit.inventory import Inventory
from tests.kit.objects import named
from tests.kit.syncer import Syncer

MODES = pytest.mark.parametrize("mode", ["full", "metadata"])
Routes = dict[str, Any]
UID = str(KUBE_SYSTEM["metadata"]["uid"])


@pytest.fixture
def servers() -> Iterator[Balanced]:
    with balanced() as state:
        yield state


def server(*names: str, version: str = "100", uid: str = UID) -> Routes:
    """An API server that knows these pods, of the usual cluster or another one."""
    items = [named(name, "default", uid=f"u-{name}", resourceVersion="50") for name in names]
    metadata = {"resourceVersion": version}
    return {
        "/api/v1/namespaces/kube-system": KUBE_SYSTEM | {"metadata": {"name": "kube-system", "uid": uid}},
        "/api/v1/pods": {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items},
        "/api/v1/namespaces": {"kind": "NamespaceList", "apiVersion": "v1", "metadata": metadata, "items": []},
    }


class Sync:
    """Sync the pods from the first of these servers; new connections lead to the others."""

    def __init__(self, sync: Syncer, servers: Balanced) -> None:
        self._sync, self._servers = sync, servers

    def __call__(self, *servers: Routes, **settings: Any) -> SyncReport:
        self._servers.start(*servers)
        context = Context(name="dev", cluster_name="dev", server=self._servers.url)
        return self._sync(client=Client(context, retries=0), **settings)


@pytest.fixture
def sync_from(sync: Syncer, servers: Balanced) -> Sync:
    return Sync(sync, servers)


TEN = [f"web-{number}" for number in range(10)]


@MODES
@pytest.mark.parametrize(("had", "has"), [(TEN, TEN[:4]), (TEN, []), (TEN[:1], []), (TEN[:3], []), (TEN[:3], ["new"])])
def test_it_goes_when_both_say_so(
    had: list[str], has: list[str], mode: str, sync_from: Sync, servers: Balanced, inventory: Inventory
) -> None:
    sync_from(server(*had))
    report = sync_from(server(*has, version="101"), mode=mode)

    assert report.status == "success"
    assert inventory.names("k8s_pods") == has
    assert servers.connections == 2


@MODES
@pytest.mark.parametrize("has", [TEN[:4], [], ["new"]])
@pytest.mark.parametrize("second", [TEN, TEN[5:6]])
def test_nothing_goes_when_the_second_disagrees(
    second: list[str], has: list[str], mode: str, sync_from: Sync, inventory: Inventory
) -> None:
    sync_from(server(*TEN))
    before = inventory.versions()
    report = sync_from(server(*has, version="101"), server(*second, version="102"), mode=mode)

    assert report.status == "failed"
    assert "asked twice, the cluster did not say the same" in (report.reason or "")
    assert inventory.versions() == before


@MODES
def test_nothing_goes_when_the_second_is_older(mode: str, sync_from: Sync, inventory: Inventory) -> None:
    sync_from(server(*TEN))
    before = inventory.versions()
    report = sync_from(server(version="105"), server(version="104"), mode=mode)

    assert report.status == "failed"
    assert "its second list is older than its first" in (report.reason or "")
    assert inventory.versions() == before


@MODES
@pytest.mark.parametrize("had", [TEN, TEN[:1]])
@pytest.mark.parametrize("has", [["new"], []])
def test_nothing_goes_when_another_cluster_responds_the_second_time(
    has: list[str], had: list[str], mode: str, sync_from: Sync, inventory: Inventory
) -> None:
    sync_from(server(*had))
    before = inventory.versions()
    report = sync_from(server(*has, version="101"), server(*has, version="102", uid="other"), mode=mode)

    assert report.status == "failed"
    assert f"at first it was cluster {UID}, then other" in (report.reason or "")
    assert inventory.versions() == before


@MODES
def test_what_was_made_meanwhile_is_no_contradiction(mode: str, sync_from: Sync, inventory: Inventory) -> None:
    sync_from(server(*TEN))
    report = sync_from(server(TEN[0], version="101"), server(TEN[0], "newer", version="102"), mode=mode)

    assert (report.status, report.deleted) == ("success", 9)
    assert inventory.names("k8s_pods") == TEN[:1]


@MODES
@pytest.mark.parametrize("left", [5, 9, 10])
def test_half_of_it_takes_one_answer(left: int, mode: str, sync_from: Sync, servers: Balanced) -> None:
    sync_from(server(*TEN))

    assert sync_from(server(*TEN[:left], version="101"), mode=mode).deleted == 10 - left
    assert servers.connections == 1


@MODES
def test_of_a_few_it_is_ordinary_that_most_go(mode: str, sync_from: Sync, servers: Balanced) -> None:
    sync_from(server(*TEN[:9]))

    assert sync_from(server(TEN[0], version="101"), mode=mode).deleted == 8
    assert servers.connections == 1


@MODES
def test_marks_are_made_with_the_same_care(mode: str, sync_from: Sync, inventory: Inventory) -> None:
    sync_from(server(*TEN), on_delete="mark")
    before = inventory.versions()
    again = server(*TEN, version="102")

    assert sync_from(server(version="101"), again, mode=mode, on_delete="mark").status == "failed"
    assert inventory.versions() == before


@MODES
def test_an_approval_does_not_replace_the_second_answer(mode: str, sync_from: Sync, inventory: Inventory) -> None:
    sync_from(server(*TEN))
    before = inventory.versions()
    again = server(*TEN, version="102")

    assert sync_from(server(version="101"), again, mode=mode, allow_mass_delete=True).status == "failed"
    assert inventory.versions() == before


@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
def test_an_api_server_that_lags_behind_is_not_believed(mode: str, sync_from: Sync, inventory: Inventory) -> None:
    sync_from(server(*TEN))
    before = inventory.versions()
    report = sync_from(server(*TEN[:8], version="90"), server(*TEN, version="101"), mode=mode)

    assert report.status == "failed"
    assert "the list of pods is of resourceVersion 90, the rows are of 100, and the cluster is at 101" in (
        report.reason or ""
    )
    assert inventory.versions() == before
