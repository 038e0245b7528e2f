"""A simulated server tells what it serves in all forms there are, and the forms agree."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from k8s_inventory_demo.simulator import Cluster

from tests.kit.objects import widget_definition
from tests.kit.served import Object, Served, serve

TWO_VERSIONS = widget_definition(versions=("v1beta1", "v1"), stored="v1")

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"


@pytest.fixture
def api() -> Iterator[Served]:
    with serve(Cluster("dev", version="v1.34.2")) as served:
        yield served


def groups(api: Served) -> dict[str, Object]:
    """The groups of ``/apis``, aggregated, by name."""
    return {group["metadata"]["name"]: group for group in api.get("/apis", accept=V2)["items"]}


def test_the_version(api: Served) -> None:
    version = api.get("/version")
    assert (version["gitVersion"], version["major"], version["minor"]) == ("v1.34.2", "1", "34")


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/ping"])
def test_it_is_healthy(api: Served, path: str) -> None:
    assert api.send("GET", path).data == b"ok"


def test_legacy_discovery_leads_from_group_to_resource(api: Served) -> None:
    assert api.get("/api")["versions"] == ["v1"]
    found = {group["name"]: group for group in api.get("/apis")["groups"]}
    assert found["apps"]["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    assert api.get("/apis/apps") == {"kind": "APIGroup", "apiVersion": "v1"} | found["apps"]
    resources = {resource["name"]: resource for resource in api.get("/apis/apps/v1")["resources"]}
    assert resources["deployments"] == {
        "name": "deployments",
        "singularName": "deployment",
        "namespaced": True,
        "kind": "Deployment",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "shortNames": ["deploy"],
        "categories": ["all"],
    }
    assert resources["deployments/scale"]["kind"] == "Scale"


def test_the_core_group_has_no_name(api: Served) -> None:
    found = api.get("/api/v1")
    assert found["groupVersion"] == "v1"
    assert {"pods", "pods/status", "namespaces"} <= {resource["name"] for resource in found["resources"]}


def test_aggregated_discovery_says_the_same_as_legacy_discovery(api: Served) -> None:
    legacy = {
        (group["name"], version["version"], resource["name"], resource["kind"], resource["namespaced"])
        for group in api.get("/apis")["groups"]
        for version in group["versions"]
        for resource in api.get(f"/apis/{version['groupVersion']}")["resources"]
        if "/" not in resource["name"]
    }
    aggregated = {
        (name, version["version"], resource["resource"], resource["responseKind"]["kind"], namespaced)
        for name, group in groups(api).items()
        for version in group["versions"]
        for resource in version["resources"]
        for namespaced in [resource["scope"] == "Namespaced"]
    }
    assert aggregated == legacy
    assert len(aggregated) > 40


def test_the_core_group_is_aggregated_by_itself(api: Served) -> None:
    (core,) = api.get("/api", accept=V2)["items"]
    assert core["metadata"] == {}
    assert "pods" in {resource["resource"] for resource in core["versions"][0]["resources"]}


@pytest.mark.parametrize(("accept", "version"), [(V2, "v2"), (V2BETA1, "v2beta1"), (f"{V2BETA1},{V2}", "v2beta1")])
def test_the_format_is_negotiated(api: Served, accept: str, version: str) -> None:
    answer = api.send("GET", "/apis", headers={"Accept": f"{accept},application/json"})
    assert answer.json()["apiVersion"] == f"apidiscovery.k8s.io/{version}"
    # By this, client-go tells aggregated discovery from the other.
    expected = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    assert answer.headers["Content-Type"] == expected


def test_a_server_without_aggregated_discovery_answers_with_the_legacy_one(api: Served) -> None:
    api.cluster.aggregated_discovery = False
    assert api.get("/apis", accept=f"{V2},application/json")["kind"] == "APIGroupList"
    assert api.get("/apis", accept=V2)["code"] == 406


def test_a_kind_goes_without_a_group_where_it_is_built_in(api: Served) -> None:
    api.cluster.create("crd", TWO_VERSIONS)
    found = groups(api)
    (deployments,) = [r for r in found["apps"]["versions"][0]["resources"] if r["resource"] == "deployments"]
    (widgets,) = found["example.com"]["versions"][0]["resources"]
    assert deployments["responseKind"] == {"group": "", "version": "", "kind": "Deployment"}
    assert widgets["responseKind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}


def test_a_definition_adds_its_group_and_takes_it_away(api: Served) -> None:
    assert "example.com" not in groups(api)
    api.cluster.create("crd", TWO_VERSIONS)
    assert [version["version"] for version in groups(api)["example.com"]["versions"]] == ["v1", "v1beta1"]
    assert api.get("/apis/example.com")["preferredVersion"]["version"] == "v1"
    assert api.get("/apis/example.com/v1")["resources"][0]["shortNames"] == ["wi"]
    api.cluster.delete("crd", "widgets.example.com")
    assert "example.com" not in groups(api)
    assert api.send("GET", "/apis/example.com/v1").status == 404


def test_a_seeded_definition_counts_as_well(api: Served) -> None:
    api.cluster.seed("crd", [TWO_VERSIONS])
    assert api.get("/apis/example.com/v1/widgets")["kind"] == "WidgetList"


def test_a_group_whose_server_is_down_is_named_and_nothing_more(api: Served) -> None:
    api.cluster.lose_group("metrics.k8s.io", "v1beta1")
    assert groups(api)["metrics.k8s.io"]["versions"] == [{"version": "v1beta1", "freshness": "Stale"}]
    assert "metrics.k8s.io" in {group["name"] for group in api.get("/apis")["groups"]}
    assert api.get("/apis/metrics.k8s.io/v1beta1")["code"] == 503
    assert api.get("/apis/metrics.k8s.io/v1beta1/nodes")["reason"] == "ServiceUnavailable"


@pytest.mark.parametrize("path", ["/api/v2", "/apis/nothing.example.com", "/apis/apps/v2", "/apis/apps/v2/deployments"])
def test_of_a_group_that_is_not_served_there_is_not_even_a_status(api: Served, path: str) -> None:
    answer = api.send("GET", path)
    assert (answer.status, answer.data) == (404, b"404 page not found\n")
    assert answer.headers["Content-Type"].startswith("text/plain")
