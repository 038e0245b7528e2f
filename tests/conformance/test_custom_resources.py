"""Kinds a cluster was taught: their definitions, their instances, and what is left when they are withdrawn."""

from __future__ import annotations

from tests.fixtures.conformance.agreement import EVERY_MODE
from tests.fixtures.conformance.custom_resources import WIDGETS, CustomResource
from tests.fixtures.conformance.live_inventory import LiveInventory

pytestmark = EVERY_MODE

GADGETS = CustomResource("gadgets", "Gadget")
"""One that comes and goes."""


def test_instances_are_rows_of_one_table(inventory: LiveInventory, namespace: str) -> None:
    WIDGETS.define(inventory.cluster)
    WIDGETS.add(inventory.cluster, namespace, "small")

    assert inventory.sync(WIDGETS.name).status == "success"

    (row,) = (row for row in inventory.rows(WIDGETS.name).values() if row["namespace"] == namespace)
    assert (row["name"], row["kind"], row["object"]["spec"]) == ("small", "Widget", {"size": 3})


def test_a_withdrawn_resource_is_absent_and_its_rows_go(inventory: LiveInventory, namespace: str) -> None:
    GADGETS.define(inventory.cluster)
    GADGETS.add(inventory.cluster, namespace, "small")
    assert inventory.sync(GADGETS.name).inserted == 1
    inventory.sync("crds")

    GADGETS.withdraw(inventory.cluster)

    report = inventory.sync(GADGETS.name)
    assert (report.status, report.deleted) == ("absent", 1)
    assert report.reason == f"context {inventory.cluster.context} does not serve gadgets.example.com"
    assert inventory.rows(GADGETS.name) == {}
    assert inventory.sync("crds").deleted == 1


def test_the_rows_of_another_custom_resource_stay(inventory: LiveInventory, namespace: str) -> None:
    for resource in (WIDGETS, GADGETS):
        resource.define(inventory.cluster)
        resource.add(inventory.cluster, namespace, "kept")
        inventory.sync(resource.name)

    GADGETS.withdraw(inventory.cluster)
    inventory.sync(GADGETS.name)

    assert inventory.names(GADGETS.name) == set()
    assert "kept" in inventory.names(WIDGETS.name)


def test_a_resource_that_never_was_is_absent(inventory: LiveInventory) -> None:
    report = inventory.sync("sprockets.example.org")

    assert (report.status, report.seen) == ("absent", 0)
