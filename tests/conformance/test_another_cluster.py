"""A context that leads to another cluster than before loses nothing, unless somebody said that it may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.model import SyncReport
from tests.kit.agreement import EVERY_MODE
from tests.kit.cluster import LiveCluster, live_cluster
from tests.kit.live_inventory import LiveInventory

pytestmark = EVERY_MODE
RESOURCES = pytest.mark.parametrize("resource", ["clusters", "namespaces", "services"])


@pytest.fixture(scope="module")
def other_cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    """Another cluster."""
    folder = tmp_path_factory.mktemp("other")
    real = request.config.getoption("--control-plane") == "real"
    with live_cluster("other", folder, real=real) as live:
        live.request("POST", "/api/v1/namespaces/default/services", {"metadata": {"name": "web"}, "spec": SPEC})
        yield live


SPEC = {"ports": [{"port": 80}]}


class Moved:
    """The same context and database, with another cluster behind the context."""

    def __init__(self, inventory: LiveInventory, other_cluster: LiveCluster) -> None:
        self._inventory, self._other = inventory, other_cluster

    def sync(self, resource: str, **settings: Any) -> SyncReport:
        found = kubeconfig.load([self._other.kubeconfig]).contexts[self._other.context]
        with Client(replace(found, name=self._inventory.cluster.context)) as client:
            return self._inventory.sync(resource, client=client, **settings)


@pytest.fixture
def moved(inventory: LiveInventory, other_cluster: LiveCluster, populated_namespace: str) -> Moved:
    return Moved(inventory, other_cluster)


@RESOURCES
def test_another_cluster_is_refused(resource: str, inventory: LiveInventory, moved: Moved) -> None:
    was = inventory.sync(resource).cluster_uid
    before = inventory.versions()
    report = moved.sync(resource)

    assert report.status == "refused"
    assert report.cluster_uid != was
    assert str(was) in (report.reason or "")
    assert str(report.cluster_uid) in (report.reason or "")
    assert inventory.versions() == before
    assert inventory.sync(resource).status == "success"


@RESOURCES
def test_it_takes_the_place_when_it_may(resource: str, inventory: LiveInventory, moved: Moved) -> None:
    inventory.sync(resource)
    report = moved.sync(resource, accept_new_cluster=True)

    assert report.status == "success"
    assert {row["cluster_uid"] for row in inventory.by_uid(resource).values()} == {report.cluster_uid}
    assert moved.sync(resource).status == "success"
    assert inventory.sync(resource).status == "refused"
