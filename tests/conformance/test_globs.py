"""All that a cluster has, in one go: the catalogue, and the kinds it was taught."""

from __future__ import annotations

from airflow_provider_k8s_inventory import resources
from tests.kit.agreement import EVERY_MODE
from tests.kit.custom_resources import WIDGET_RESOURCE, CustomResource
from tests.kit.live_inventory import LiveInventory

pytestmark = EVERY_MODE

DOODADS = CustomResource("doodads", "Doodad")
"""One that comes and goes."""


def test_everything_is_synced_side_by_side(mode: str, inventory: LiveInventory, populated_namespace: str) -> None:
    first, second = inventory.sync.all("*"), inventory.sync.all("*")

    assert {*resources.CATALOGUE, WIDGET_RESOURCE.name} - {"secrets"} <= set(first)
    assert set(first) == set(second)
    assert not {"secrets", "events.events.k8s.io"} & set(first)
    assert {report.status for report in (*first.values(), *second.values())} == {"success"}
    # A cluster is one object, and what cannot be watched has no resourceVersions to compare.
    whole = {"clusters", "componentstatuses"}
    # While events stay, they are never read by their changes.
    events = "metadata" if mode == "delta" else mode
    assert {name: report.mode for name, report in second.items() if name not in whole} == {
        **dict.fromkeys(set(second) - whole, mode),
        "events": events,
    }


def test_a_withdrawn_resource_is_absent_once(inventory: LiveInventory, namespace: str) -> None:
    DOODADS.define(inventory.cluster)
    DOODADS.add(inventory.cluster, namespace, "one")
    assert inventory.sync.all("d*.example.com")[DOODADS.name].inserted == 1
    DOODADS.withdraw(inventory.cluster)
    reports = [inventory.sync.all("d*.example.com") for _ in range(2)]

    assert (reports[0][DOODADS.name].status, reports[0][DOODADS.name].deleted) == ("absent", 1)
    assert DOODADS.name not in reports[1]
    assert inventory.by_uid(DOODADS.name) == {}
