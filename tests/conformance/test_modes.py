"""Each mode does its work by itself where nothing stands in its way, and where something does another one does it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.kit.agreement import EVERY_MODE
from tests.kit.expected_rows import OWN as RESOURCES
from tests.kit.live_inventory import LiveInventory
from tests.kit.populating import CORE, add_service

CHEAP = pytest.mark.parametrize("mode", ["metadata", "delta"], indirect=True)


@pytest.fixture
def synced_services(inventory: LiveInventory, namespace: str) -> LiveInventory:
    """An inventory with two services in a namespace of its own."""
    for name in ("changed", "other"):
        add_service(inventory.cluster, namespace, name)
    assert inventory.sync("services").mode == "full"
    return inventory


@EVERY_MODE
def test_nothing_changed_anywhere(mode: str, synced_services: LiveInventory) -> None:
    before = synced_services.versions()
    report = synced_services.sync("services")

    assert (report.mode, report.fallback) == (mode, None)
    assert (report.seen, report.unchanged) == (len(synced_services.objects("services")),) * 2
    assert synced_services.versions() == before


@EVERY_MODE
def test_something_else_changed(mode: str, synced_services: LiveInventory, namespace: str) -> None:
    before = synced_services.versions()
    synced_services.cluster.request("POST", f"{CORE}/{namespace}/configmaps", {"metadata": {"name": "other"}})
    report = synced_services.sync("services")

    assert (report.mode, report.fallback) == (mode, None)
    assert synced_services.versions() == before


@EVERY_MODE
def test_something_came_changed_and_went(mode: str, synced_services: LiveInventory, namespace: str) -> None:
    services = f"{CORE}/{namespace}/services"
    add_service(synced_services.cluster, namespace, "short")
    synced_services.cluster.request("PATCH", f"{services}/changed", {"metadata": {"labels": {"tier": "front"}}})
    synced_services.cluster.request("DELETE", f"{services}/short")
    synced_services.cluster.request("DELETE", f"{services}/other")
    uid = add_service(synced_services.cluster, namespace, "other")
    report = synced_services.sync("services")

    assert (report.mode, report.fallback) == (mode, None)
    assert (report.inserted, report.updated, report.deleted) == (1, 1, 1)
    assert synced_services.by_uid("services")[uid]["name"] == "other"


@EVERY_MODE
def test_the_version_in_the_ledger_never_goes_back(mode: str, synced_services: LiveInventory, namespace: str) -> None:
    versions = []
    for number in range(3):
        add_service(synced_services.cluster, namespace, f"service-{number}")
        versions.append(int(synced_services.sync("services").resource_version or ""))

    assert versions == sorted(set(versions))


@CHEAP
@pytest.mark.usefixtures("populated_namespace")
def test_every_resource_can_be_read_so(mode: str, inventory: LiveInventory) -> None:
    def twice() -> Sequence[str]:
        return [inventory.sync(resource).mode for _ in range(2) for resource in RESOURCES][len(RESOURCES) :]

    assert inventory.at_rest(twice, *RESOURCES) == [mode] * len(RESOURCES)


@pytest.mark.parametrize("mode", ["delta"], indirect=True)
def test_rows_changed_by_hand_are_drift(synced_services: LiveInventory, namespace: str) -> None:
    synced_services.query("UPDATE k8s_services SET resource_version = '0', name = '' WHERE namespace = %s", namespace)
    report = synced_services.sync("services", verify_every=1)

    assert (report.mode, report.drift, report.updated) == ("delta", 2, 2)
    assert "" not in synced_services.names_of("services")


@CHEAP
def test_rows_removed_by_hand_come_back(synced_services: LiveInventory, namespace: str) -> None:
    before = set(synced_services.by_uid("services"))
    synced_services.query("DELETE FROM k8s_services WHERE namespace = %s", namespace)
    report = synced_services.sync("services")

    assert (report.mode, report.inserted) == ("metadata", 2)
    assert set(synced_services.by_uid("services")) == before


@CHEAP
def test_who_may_only_list_is_read_by_metadata(inventory: LiveInventory, namespace: str) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["services"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]
    context = inventory.cluster.restrict("second", rules)
    inventory.sync("services", context=context)
    uid = add_service(inventory.cluster, namespace, "web")
    report = inventory.sync("services", context=context)

    assert (report.status, report.mode, report.inserted) == ("success", "metadata", 1)
    assert uid in inventory.by_uid("services", context)
