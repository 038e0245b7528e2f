"""A list that is complete, well-formed and wrong changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, named, pods, widget_definition
from tests.kit.syncer import Syncer

PATHS = {"pods": "/pods$", "services": "/services$", "deployments": "/deployments$", WIDGETS: "/widgets$"}
KINDS = {
    "pods": ("PodList", "v1"),
    "services": ("ServiceList", "v1"),
    "deployments": ("DeploymentList", "apps/v1"),
    WIDGETS: ("WidgetList", "example.com/v1"),
}
MODES = pytest.mark.parametrize("mode", ["full", "metadata", "delta"])


def a_list(kind: str, api_version: str, items: Any, version: str = "99999") -> bytes:
    metadata = {"resourceVersion": version}
    return json.dumps({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items}).encode()


@pytest.fixture
def full(dev: Cluster, sync: Syncer) -> Cluster:
    """A cluster with 40 of each, which were synced."""
    dev.create("crd", widget_definition())
    for resource in PATHS:
        dev.seed(resource, [named(f"a-{number}", "default") for number in range(40)])
        assert sync(resource).inserted == 40
    return dev


@MODES
@pytest.mark.parametrize("resource", PATHS)
@pytest.mark.parametrize(
    ("kind", "api_version", "count"),
    [("ConfigMapList", "v1", 30), ("GadgetList", "example.org/v1", 0), ("DeploymentList", "apps/v1beta1", 30)],
)
def test_a_list_of_another_resource(
    count: int, kind: str, api_version: str, resource: str, mode: str, full: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    before = inventory.versions()
    body = a_list(kind, api_version, [named(f"b-{number}", "default", uid=f"u{number}") for number in range(count)])
    full.inject(Fault(path=PATHS[resource], body=body, times=None))
    report = sync(resource, mode=mode)

    assert report.status == "failed"
    assert f"{kind} of {api_version}, and not {KINDS[resource][0]} of {KINDS[resource][1]}" in (report.reason or "")
    assert inventory.versions() == before


@pytest.mark.parametrize(
    ("resource", "kind", "api_version"),
    [
        ("services", "ServiceList", "serving.knative.dev/v1"),
        ("pods", "PodList", "v2"),
        ("deployments", "PodList", "apps/v1"),
        (WIDGETS, "WidgetList", "example.org/v1"),
        (WIDGETS, "List", "v1"),
    ],
)
def test_a_list_of_a_resource_that_is_nearly_the_same(
    resource: str, kind: str, api_version: str, full: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    before = inventory.versions()
    full.inject(Fault(path=PATHS[resource], body=a_list(kind, api_version, []), times=None))

    assert sync(resource).status == "failed"
    assert inventory.versions() == before


@pytest.mark.parametrize("resource", [WIDGETS, "deployments"])
@pytest.mark.parametrize("api_version", ["v1", ""])
def test_a_list_may_lack_the_group_when_its_kind_tells(
    api_version: str, resource: str, full: Cluster, sync: Syncer
) -> None:
    version = str(full.resource_version)
    body = a_list(KINDS[resource][0], api_version, full.objects(resource), version)
    full.inject(Fault(path=PATHS[resource], body=body))

    assert sync(resource, mode="full").unchanged == 40


def test_a_custom_resource_may_call_its_lists_as_it_likes(full: Cluster, sync: Syncer) -> None:
    body = a_list("AllWidgets", "example.com/v1", full.objects(WIDGETS), str(full.resource_version))
    full.inject(Fault(path=PATHS[WIDGETS], body=body))

    assert sync(WIDGETS, mode="full").unchanged == 40


@MODES
@pytest.mark.parametrize("resource", PATHS)
@pytest.mark.parametrize("version", ["", "0"])
def test_a_list_without_a_version(
    version: str, resource: str, mode: str, full: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    before = inventory.versions()
    full.inject(Fault(path=PATHS[resource], body=a_list(*KINDS[resource], [], version), times=None))
    report = sync(resource, mode=mode)

    assert report.status == "failed"
    assert f"its resourceVersion is {version!r}" in (report.reason or "")
    assert inventory.versions() == before


@pytest.mark.parametrize("resource", ["pods", "services"])
def test_a_version_that_is_no_number(resource: str, full: Cluster, sync: Syncer, inventory: Inventory) -> None:
    before = inventory.versions()
    full.inject(Fault(path=PATHS[resource], body=a_list(*KINDS[resource], [], "abc"), times=None))

    assert sync(resource).status == "failed"
    assert inventory.versions() == before


@MODES
@pytest.mark.parametrize("resource", PATHS)
def test_items_that_are_null(resource: str, mode: str, full: Cluster, sync: Syncer, inventory: Inventory) -> None:
    before = inventory.versions()
    full.inject(Fault(path=PATHS[resource], body=a_list(*KINDS[resource], None), times=None))
    report = sync(resource, mode=mode)

    assert report.status == "refused"
    assert inventory.versions() == before
    assert sync(resource, mode="full", allow_mass_delete=True).deleted == 40


@pytest.mark.parametrize("resource", PATHS)
def test_no_items_are_no_list(resource: str, full: Cluster, sync: Syncer, inventory: Inventory) -> None:
    before = inventory.versions()
    kind, api_version = KINDS[resource]
    body = {"kind": kind, "apiVersion": api_version, "metadata": {"resourceVersion": "99999"}}
    full.inject(Fault(path=PATHS[resource], body=json.dumps(body).encode(), times=None))

    assert sync(resource).status == "failed"
    assert inventory.versions() == before


@MODES
def test_services_are_never_none(mode: str, full: Cluster, sync: Syncer, inventory: Inventory) -> None:
    before = inventory.versions()
    full.inject(Fault(path=PATHS["services"], body=a_list("ServiceList", "v1", []), times=None))
    report = sync("services", mode=mode)

    assert report.status == "refused"
    assert "every API server keeps the service kubernetes" in (report.reason or "")
    assert inventory.versions() == before


def test_pods_may_be_none_when_the_cluster_says_so_twice(full: Cluster, sync: Syncer) -> None:
    fault = full.inject(Fault(path=PATHS["pods"], body=a_list("PodList", "v1", []), times=None))
    report = sync()

    assert (report.status, report.deleted) == ("success", 40)
    assert fault.hits == 2


@pytest.mark.parametrize("mode", ["metadata", "delta"])
def test_metadata_of_another_resource(mode: str, full: Cluster, sync: Syncer, inventory: Inventory) -> None:
    before = inventory.versions()
    # A list of metadata does not say whose they are.
    items = [item | {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"} for item in full.objects(WIDGETS)]
    body = a_list("PartialObjectMetadataList", "meta.k8s.io/v1", items, str(full.resource_version))
    fault = full.inject(Fault(path=PATHS["pods"], query={"limit": "^...+$"}, body=body, times=1))
    report = sync(mode=mode, verify_every=1)

    assert (report.status, report.unchanged, fault.hits) == ("success", 40, 1)
    assert inventory.versions() == before


@MODES
def test_an_older_list_of_a_cluster_that_is_further(
    mode: str, full: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    before = inventory.versions()
    full.inject(Fault(path=PATHS["pods"], query={"limit": "^..+$"}, body=a_list("PodList", "v1", [], "7"), times=None))
    report = sync(mode=mode, verify_every=1)

    assert report.status == "failed"
    assert "the list of pods is of resourceVersion 7, the rows are of" in (report.reason or "")
    assert "lags behind" in (report.reason or "")
    assert inventory.versions() == before


def restore(cluster: Cluster, left: int) -> None:
    """Make all lists older than they were, and some pods gone."""
    items = cluster.objects("pods")[:left]
    cluster.inject(Fault(path=PATHS["pods"], body=a_list("PodList", "v1", items, "7"), times=None))
    cluster.inject(Fault(path="/namespaces$", body=a_list("NamespaceList", "v1", [], "7"), times=None))


@MODES
def test_a_cluster_that_was_restored_is_read_whole(
    mode: str, full: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    was = inventory.last_of("pods")["resource_version"]
    restore(full, 38)
    report = sync(mode=mode)

    assert (report.status, report.mode, report.deleted, report.resource_version) == ("success", "full", 2, "7")
    assert report.warnings == (
        f"the resourceVersion of the cluster went back from {was} to 7: restored from a backup? "
        "Every object was read anew",
    )


@MODES
@pytest.mark.parametrize("left", [0, 19])
def test_that_most_is_gone_then_takes_a_person(
    left: int, mode: str, full: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    before = inventory.versions()
    restore(full, left)
    report = sync(mode=mode)

    assert report.status == "refused"
    assert "the resourceVersion of the cluster went back" in (report.reason or "")
    assert inventory.versions() == before
    assert sync(mode=mode, max_deletes=40).deleted == 40 - left


def test_an_empty_list_asks_for_nothing_where_nothing_was(dev: Cluster, sync: Syncer) -> None:
    sync()
    before = len(dev.requests)
    sync(mode="full")

    assert [request.path for request in list(dev.requests)[before:]] == [
        "/api/v1/namespaces/kube-system",
        "/api/v1/pods",
    ]


def test_little_that_is_gone_is_not_asked_for_twice(dev: Cluster, sync: Syncer) -> None:
    dev.seed("pods", pods(20))
    sync()
    for number in range(10):
        dev.delete("pods", f"web-{number:04}", "default")
    before = len(dev.requests)

    assert sync(mode="full").deleted == 10
    assert [request.path for request in list(dev.requests)[before:]].count("/api/v1/pods") == 1


@MODES
@pytest.mark.parametrize("resource", ["pods", WIDGETS])
@pytest.mark.parametrize("namespace", ["kube-public", None])
def test_a_list_of_another_namespace(
    namespace: str | None, resource: str, mode: str, full: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(resource, namespaces=("default",))
    before = inventory.versions()
    others = [named(f"b-{number}", namespace, uid=f"u{number}", resourceVersion="9") for number in range(60)]
    items = [*full.objects(resource), *others]
    full.inject(Fault(path=PATHS[resource], verb="list", body=a_list(*KINDS[resource], items), times=None))
    report = sync(resource, mode=mode, namespaces=("default",))

    assert report.status == "failed"
    where = f"namespace {namespace}" if namespace else "no namespace"
    assert f"the list of {resource} in default has b-0 of {where}" in (report.reason or "")
    assert inventory.versions() == before


def test_a_watch_of_another_namespace(full: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync("pods", namespaces=("default",))
    full.create("pods", named("late", "default"))
    version = str(full.resource_version)
    other = {"type": "ADDED", "object": named("b", "kube-public", uid="b", resourceVersion=version)}
    full.inject(Fault(path=PATHS["pods"], verb="watch", body=json.dumps(other).encode() + b"\n"))
    report = sync("pods", mode="delta", namespaces=("default",))

    assert (report.status, report.mode, report.inserted) == ("success", "metadata", 1)
    assert "has b of namespace kube-public" in (report.fallback or "")
    assert "b" not in inventory.names("k8s_pods")


@pytest.mark.parametrize("type_", ["MODIFIED", "DELETED"])
def test_a_watch_that_tells_old_events(type_: str, full: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync("pods")
    first = full.get("pods", "a-0", "default")
    full.patch("pods", "a-0", {"metadata": {"labels": {"tier": "front"}}}, "default")
    assert sync("pods", mode="full").updated == 1
    full.create("pods", named("late", "default"))
    version = str(full.resource_version)
    events = [(type_, first), ("BOOKMARK", {"metadata": {"resourceVersion": version}})]
    body = b"".join(json.dumps({"type": type_, "object": object_}).encode() + b"\n" for type_, object_ in events)
    full.inject(Fault(path=PATHS["pods"], verb="watch", body=body))
    report = sync("pods", mode="delta")

    assert (report.status, report.mode, report.deleted) == ("success", "metadata", 0)
    assert "brought resourceVersion" in (report.fallback or "")
    assert inventory.row("k8s_pods", "a-0")["labels"] == {"tier": "front"}


@MODES
@pytest.mark.parametrize("version", ["9" * 5000, "\u0663\u0664", "007"])
def test_a_version_of_digits_that_etcd_never_gives(
    version: str, mode: str, full: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    before = inventory.versions()
    full.inject(Fault(path=PATHS["pods"], verb="list", body=a_list(*KINDS["pods"], full.objects("pods"), version)))
    report = sync("pods", mode=mode)

    assert "defect of this package" not in (report.reason or "")
    assert inventory.versions() == before
    assert sync("pods", mode=mode).unchanged == 40


@MODES
@pytest.mark.parametrize("resource", ["pods", WIDGETS])
def test_older_lists_of_several_namespaces(
    resource: str, mode: str, full: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    namespaces = ("default", "kube-public")
    sync(resource, namespaces=namespaces)
    before = inventory.versions()
    full.inject(Fault(path=PATHS[resource], verb="list", body=a_list(*KINDS[resource], [], "1"), times=None))
    report = sync(resource, mode=mode, namespaces=namespaces)

    assert report.status == ("failed" if resource == "pods" else "refused")
    assert inventory.versions() == before
    full.faults.clear()
    assert sync(resource, mode=mode, namespaces=namespaces).unchanged == 40
