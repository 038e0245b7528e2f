"""All that a cluster has, in one go: the catalogue, and the kinds it was taught."""

from __future__ import annotations

from airflow_provider_k8s_inventory import resources
from tests.fixtures.conformance.agreement import EVERY_MODE
from tests.fixtures.conformance.custom_resources import WIDGETS, CustomResource
from tests.fixtures.conformance.live_inventory import LiveInventory

pytestmark = EVERY_MODE

DOODADS = CustomResource("doodads", "Doodad")
"""One that comes and goes."""


def test_everything_is_synced_side_by_side(mode: str, inventory: LiveInventory, world: str) -> None:
    first, second = inventory.sync_all("*"), inventory.sync_all("*")

    assert {*resources.CATALOGUE, WIDGETS.name, "configmaps", "ingresses.networking.k8s.io"} <= set(first)
    assert set(first) == set(second)
    assert not {"secrets", "events.events.k8s.io"} & set(first)
    assert {report.status for report in (*first.values(), *second.values())} == {"success"}
    # A cluster is one object, and what cannot be watched has no resourceVersions to compare.
    whole = {"clusters", "componentstatuses"}
    assert {name: report.mode for name, report in second.items() if name not in whole} == dict.fromkeys(
        set(second) - whole, mode
    )


def test_a_withdrawn_resource_is_absent_once(inventory: LiveInventory, namespace: str) -> None:
    DOODADS.define(inventory.cluster)
    DOODADS.add(inventory.cluster, namespace, "one")
    assert inventory.sync_all("d*.example.com")[DOODADS.name].inserted == 1
    DOODADS.withdraw(inventory.cluster)
    reports = [inventory.sync_all("d*.example.com") for _ in range(2)]

    assert (reports[0][DOODADS.name].status, reports[0][DOODADS.name].deleted) == ("absent", 1)
    assert DOODADS.name not in reports[1]
    assert inventory.rows(DOODADS.name) == {}
