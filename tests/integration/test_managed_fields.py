"""The API server is asked to leave managedFields out; whoever does not know that it can be asked is no obstacle."""

from __future__ import annotations

import json

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault
from k8s_inventory_demo.simulator.pods import pods

from airflow_provider_k8s_inventory.kube import listing, metadata
from tests.kit.inventory import Inventory
from tests.kit.syncer import Syncer

PODS = "/api/v1/pods"
ASKED = "drop=metadata.managedFields"


@pytest.fixture
def dev_with_pods(dev: Cluster) -> Cluster:
    """A cluster with three pods that have managedFields."""
    dev.seed("pods", pods(3))
    assert b"managedFields" in dev.store.entries("pods")[0].body
    return dev


def asked_to_drop(cluster: Cluster) -> list[bool]:
    """Tell of each list of pods whether it was to be without managedFields."""
    return [ASKED in request.headers["accept"] for request in cluster.requests if request.path == PODS]


def test_objects_come_without_managed_fields(dev_with_pods: Cluster, sync: Syncer) -> None:
    with sync.client() as client:
        (page,) = listing.pages(client, PODS, limit=10)

    assert [json.loads(bytes(item))["metadata"].get("managedFields") for item in page.items] == [None] * 3
    assert asked_to_drop(dev_with_pods) == [True]


def test_so_does_metadata_in_json(dev_with_pods: Cluster, sync: Syncer) -> None:
    with sync.client() as client:
        whole = next(metadata.pages(client, PODS, limit=10)).size
        dev_with_pods.json_only.add("")
        (page,) = metadata.pages(client, PODS, limit=10)

    assert page.count == 3
    assert page.size < whole
    assert asked_to_drop(dev_with_pods) == [True, True]


@pytest.mark.parametrize("status", [400, 406])
@pytest.mark.parametrize("mode", ["full", "metadata"])
def test_a_server_that_refuses_to_be_asked_gives_the_objects_all_the_same(
    status: int, mode: str, dev_with_pods: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    if mode == "metadata":
        sync()
        dev_with_pods.requests.clear()
    dev_with_pods.inject(Fault(path=f"{PODS}$", verb="list", status=status))
    report = sync(mode=mode, page_size=2)

    assert (report.status, report.seen, report.mode, report.warnings) == ("success", 3, mode, ())
    assert asked_to_drop(dev_with_pods)[:2] == [True, False]
    assert not any(asked_to_drop(dev_with_pods)[1:])
    assert all("managedFields" not in row["object"]["metadata"] for row in inventory.rows("k8s_pods"))
