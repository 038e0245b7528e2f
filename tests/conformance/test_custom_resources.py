"""Kinds a cluster was taught: their definitions, their instances, and what is left when they are withdrawn."""

from __future__ import annotations

from tests.kit.agreement import EVERY_MODE
from tests.kit.custom_resources import WIDGET_RESOURCE, CustomResource
from tests.kit.live_inventory import LiveInventory

pytestmark = EVERY_MODE


def deep(levels: int) -> object:
    """Objects in each other; what any tenant may send."""
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


DEEPS = CustomResource("deeps", "Deep")
GADGETS = CustomResource("gadgets", "Gadget")
"""One that comes and goes."""


def test_instances_are_rows_of_one_table(inventory: LiveInventory, namespace: str) -> None:
    WIDGET_RESOURCE.define(inventory.cluster)
    WIDGET_RESOURCE.add(inventory.cluster, namespace, "small")

    assert inventory.sync(WIDGET_RESOURCE.name).status == "success"

    (row,) = (row for row in inventory.by_uid(WIDGET_RESOURCE.name).values() if row["namespace"] == namespace)
    assert (row["name"], row["kind"], row["object"]["spec"]) == ("small", "Widget", {"size": 3})


def test_a_deep_instance_has_a_row_without_object_until_it_is_deleted(inventory: LiveInventory, namespace: str) -> None:
    DEEPS.define(inventory.cluster)
    DEEPS.add(inventory.cluster, namespace, "good")
    inventory.sync(DEEPS.name)
    DEEPS.add(inventory.cluster, namespace, "deep", {"deep": deep(800)})
    first, second = inventory.sync(DEEPS.name), inventory.sync(DEEPS.name)
    rows = {
        row["name"]: row["object"] for row in inventory.by_uid(DEEPS.name).values() if row["namespace"] == namespace
    }

    assert (first.status, first.inserted, second.inserted, second.updated) == ("success", 1, 0, 0)
    assert (rows["deep"], rows["good"]["spec"]) == (None, {"size": 3})
    assert f"{namespace}/deep has more than 500 levels of nesting: its row has no object" in first.warnings

    DEEPS.remove(inventory.cluster, namespace, "deep")

    assert inventory.sync(DEEPS.name).deleted == 1
    assert inventory.names_of(DEEPS.name) >= {"good"}


def test_a_withdrawn_resource_is_absent_and_its_rows_go(inventory: LiveInventory, namespace: str) -> None:
    GADGETS.define(inventory.cluster)
    GADGETS.add(inventory.cluster, namespace, "small")
    assert inventory.sync(GADGETS.name).inserted == 1
    inventory.sync("crds")

    GADGETS.withdraw(inventory.cluster)

    report = inventory.sync(GADGETS.name)
    assert (report.status, report.deleted) == ("absent", 1)
    assert report.reason == f"context {inventory.cluster.context} does not serve gadgets.example.com"
    assert inventory.by_uid(GADGETS.name) == {}
    assert inventory.sync("crds").deleted == 1


def test_the_rows_of_another_custom_resource_stay(inventory: LiveInventory, namespace: str) -> None:
    for resource in (WIDGET_RESOURCE, GADGETS):
        resource.define(inventory.cluster)
        resource.add(inventory.cluster, namespace, "kept")
        inventory.sync(resource.name)

    GADGETS.withdraw(inventory.cluster)
    inventory.sync(GADGETS.name)

    assert inventory.names_of(GADGETS.name) == set()
    assert "kept" in inventory.names_of(WIDGET_RESOURCE.name)


def test_a_resource_that_never_was_is_absent(inventory: LiveInventory) -> None:
    report = inventory.sync("sprockets.example.org")

    assert (report.status, report.seen) == ("absent", 0)
