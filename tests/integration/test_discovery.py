"""What a cluster serves, as aggregated and as legacy discovery tell it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import ResponseError, UnreachableError
from airflow_provider_k8s_inventory.kube import discovery
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Resource
from tests.kit.objects import WIDGETS, widget_definition
from tests.kit.syncer import Syncer

WIDGETS_V1 = Resource(group="example.com", version="v1", plural="widgets", kind="Widget", namespaced=True)


@pytest.fixture
def client(sync: Syncer) -> Iterator[Client]:
    with sync.client() as opened:
        yield opened


@pytest.fixture(params=[True, False], ids=["aggregated", "legacy"])
def cluster(request: pytest.FixtureRequest, dev: Cluster) -> Cluster:
    """A cluster that speaks one of the two, with a custom resource in two versions."""
    dev.aggregated_discovery = request.param
    dev.create("crd", widget_definition(versions=("v1beta1", "v1")))
    return dev


def test_all_resources_of_the_catalogue_are_found(cluster: Cluster, client: Client) -> None:
    found = discovery.discover(client)

    for name, definition in resources.CATALOGUE.items():
        if name != "clusters":
            assert found.find(definition.resource.name) == definition.resource
    assert found.unproven == frozenset()


def test_the_preferred_version_comes_first(cluster: Cluster, client: Client) -> None:
    found = discovery.discover(client)

    assert [r.version for r in found.resources if r.name == WIDGETS] == ["v1", "v1beta1"]
    assert found.find(WIDGETS) == WIDGETS_V1


def test_what_cannot_be_listed_is_left_out(cluster: Cluster, client: Client) -> None:
    names = {resource.name for resource in discovery.discover(client).resources}

    assert not any("/" in name for name in names)
    assert "selfsubjectaccessreviews.authorization.k8s.io" not in names
    assert "pods" in names


def test_what_is_not_served_is_not_found(cluster: Cluster, client: Client) -> None:
    assert discovery.discover(client).find("gadgets.example.org") is None


def test_a_group_that_is_down_hides_no_other(cluster: Cluster, client: Client) -> None:
    cluster.lose_group("example.com", "v1")
    cluster.lose_group("example.com", "v1beta1")
    found = discovery.discover(client)

    assert found.unproven == {"example.com"}
    assert found.find("pods") is not None


def test_what_is_served_is_served(cluster: Cluster, client: Client) -> None:
    assert discovery.serves(client, WIDGETS_V1)


def test_what_is_not_served_is_proven_not_to_be(cluster: Cluster, client: Client) -> None:
    cluster.delete("crd", WIDGETS)

    assert not discovery.serves(client, WIDGETS_V1)


def test_in_another_version_it_is_neither(cluster: Cluster, client: Client) -> None:
    wanted = Resource(group="example.com", version="v7", plural="widgets", kind="Widget", namespaced=True)
    with pytest.raises(ResponseError, match=r"as example\.com/v1, example\.com/v1beta1, not as example\.com/v7"):
        discovery.serves(client, wanted)


def test_of_a_group_that_is_down_nothing_is_proven(cluster: Cluster, client: Client) -> None:
    for version in ("v1", "v1beta1"):
        cluster.lose_group("example.com", version)
    with pytest.raises(ResponseError, match=r"example\.com does not respond, so widgets\.example\.com cannot be"):
        discovery.serves(client, WIDGETS_V1)


def test_another_group_that_is_down_is_no_matter(cluster: Cluster, client: Client) -> None:
    cluster.lose_group("apps", "v1")
    cluster.delete("crd", WIDGETS)

    assert not discovery.serves(client, WIDGETS_V1)


def test_aggregated_discovery_takes_two_requests(dev: Cluster, client: Client) -> None:
    discovery.discover(client)

    assert [request.path for request in dev.requests] == ["/api", "/apis"]


@pytest.mark.parametrize("path", ["^/api$", "^/apis$"])
def test_a_cluster_that_does_not_answer_is_unreachable(path: str, cluster: Cluster, client: Client) -> None:
    cluster.inject(Fault(path=path, status=503, times=None))
    with pytest.raises(UnreachableError):
        discovery.discover(client)


@pytest.mark.parametrize("body", [b"{}", b"null", b"[]", b"nonsense", b'{"kind":1}', b'"\xff"'])
def test_another_answer_is_an_error(body: bytes, cluster: Cluster, client: Client) -> None:
    cluster.inject(Fault(path="^/apis?$", body=body, times=None))
    with pytest.raises(ResponseError, match="not a response of Kubernetes"):
        discovery.discover(client)
