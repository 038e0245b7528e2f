"""Instances of custom resources share one table, and are no matter to each other."""

from __future__ import annotations

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from tests.kit.inventory import Inventory
from tests.kit.objects import crd, named
from tests.kit.syncer import Syncer

COM, ORG = "widgets.example.com", "widgets.example.org"


@pytest.fixture(autouse=True)
def two_groups(dev: Cluster) -> None:
    """Two groups with a resource of the same name, and an object of the same name in each."""
    for group in ("example.com", "example.org"):
        dev.create("crd", crd("widgets", group, "Widget", versions=("v1", "v1beta1")))
        dev.create(f"widgets.{group}", named("same", "default") | {"spec": {"of": group}}, "default")


def test_one_object_may_be_served_as_two_resources(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    for name in (COM, ORG):
        dev.seed(name, [named("one", "default", uid="served twice")])
        sync(name)
    reports = [sync(name, mode="metadata") for name in (COM, ORG)]

    assert [(report.status, report.seen, report.unchanged) for report in reports] == [("success", 2, 2)] * 2
    assert sorted(row["resource"] for row in inventory.rows("k8s_custom_resources") if row["name"] == "one") == [
        COM,
        ORG,
    ]


def test_a_row_says_what_it_is_an_instance_of(sync: Syncer, inventory: Inventory) -> None:
    report = sync(COM)
    (row,) = inventory.rows("k8s_custom_resources")

    assert (report.resource, report.inserted) == (COM, 1)
    assert {name: row[name] for name in ("api_group", "api_version", "kind", "resource", "namespace", "name")} == {
        "api_group": "example.com",
        "api_version": "v1",
        "kind": "Widget",
        "resource": COM,
        "namespace": "default",
        "name": "same",
    }
    assert row["object"]["spec"] == {"of": "example.com"}
    assert (row["object"]["apiVersion"], row["object"]["kind"]) == ("example.com/v1", "Widget")


def test_two_groups_with_a_resource_of_the_same_name_do_not_mix(sync: Syncer, inventory: Inventory) -> None:
    sync(COM)
    sync(ORG)
    before = inventory.versions()
    again = [sync(COM), sync(ORG)]

    assert [(report.seen, report.unchanged, report.deleted) for report in again] == [(1, 1, 0), (1, 1, 0)]
    assert inventory.versions() == before
    assert {row["resource"] for row in inventory.rows("k8s_custom_resources")} == {COM, ORG}


def test_what_goes_of_one_is_no_matter_for_the_other(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    sync(COM)
    sync(ORG)
    dev.delete(COM, "same", "default")

    assert sync(COM).deleted == 1
    assert [row["resource"] for row in inventory.rows("k8s_custom_resources")] == [ORG]


def test_the_preferred_version_is_read(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    sync(COM)

    assert "/apis/example.com/v1/widgets" in {request.path for request in dev.requests}
    assert "/apis/example.com/v1beta1/widgets" not in {request.path for request in dev.requests}


@pytest.mark.parametrize("aggregated", [True, False])
def test_a_resource_of_another_version_than_v1_is_found(
    aggregated: bool, sync: Syncer, inventory: Inventory, dev: Cluster
) -> None:
    dev.aggregated_discovery = aggregated
    dev.create("crd", crd("gears", "example.net", "Gear", versions=("v2alpha1",)))
    dev.create("gears.example.net", named("g", "default"), "default")

    assert sync("gears.example.net").inserted == 1
    assert inventory.rows("k8s_custom_resources")[0]["api_version"] == "v2alpha1"


def test_instances_outside_of_namespaces_have_none(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.create("crd", crd("zones", "example.net", "Zone", scope="Cluster"))
    dev.create("zones.example.net", named("z"))

    assert sync("zones.example.net").inserted == 1
    assert inventory.row("k8s_custom_resources", "z")["namespace"] is None


def test_objects_without_uid_of_two_resources_are_two_rows(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    items = b'[{"metadata":{"name":"web","namespace":"shop"}}]'
    body = b'{"kind":"WidgetList","metadata":{"resourceVersion":"9"},"items":' + items + b"}"
    dev.inject(Fault(path="/widgets$", body=body, times=None))
    sync(COM)
    sync(ORG)
    before = inventory.versions()

    assert sync(COM).unchanged == 1
    assert inventory.versions() == before
    assert len(before) == 2


def test_resources_of_which_only_subresources_are_served_hide_nothing(
    sync: Syncer, inventory: Inventory, dev: Cluster
) -> None:
    # What a server makes of custom.metrics.k8s.io, whose resources are all like pods/http_requests: in Go, a list
    # that was never filled is null.
    parent = (
        b'{"resource":"pods","responseKind":{"group":"","version":"","kind":""},"scope":"Namespaced",'
        b'"singularResource":"","verbs":null,"subresources":[{"subresource":"http_requests","verbs":["get"]}]}'
    )
    widgets = (
        b'{"resource":"widgets","responseKind":{"group":"example.com","version":"v1","kind":"Widget"},'
        b'"scope":"Namespaced","singularResource":"widget","verbs":["list","get"]}'
    )
    group = b'{"metadata":{"name":"%s"},"versions":[{"version":"%s","freshness":"Current","resources":[%s]}]}'
    groups = b",".join(
        (
            group % (b"custom.metrics.k8s.io", b"v1beta2", parent),
            b'{"metadata":{"name":"empty.example.com"},"versions":null}',
            b'{"metadata":{"name":"bare.example.com"},"versions":[{"version":"v1","resources":null}]}',
            group % (b"example.com", b"v1", widgets),
        )
    )
    dev.inject(Fault(path="^/apis$", body=b'{"kind":"APIGroupDiscoveryList","items":[' + groups + b"]}", times=None))

    assert sync(COM).inserted == 1
