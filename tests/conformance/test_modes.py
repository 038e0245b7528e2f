"""Each mode does its work by itself where nothing stands in its way, and where something does another one does it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.fixtures.conformance.agreement import EVERY_MODE
from tests.fixtures.conformance.live_inventory import PATHS, LiveInventory
from tests.fixtures.conformance.world import CORE, add_service

CHEAP = pytest.mark.parametrize("mode", ["metadata", "delta"], indirect=True)


@pytest.fixture
def synced(inventory: LiveInventory, namespace: str) -> LiveInventory:
    """An inventory with two services in a namespace of its own."""
    for name in ("changed", "other"):
        add_service(inventory.cluster, namespace, name)
    assert inventory.sync("services").mode == "full"
    return inventory


@EVERY_MODE
def test_nothing_changed_anywhere(mode: str, synced: LiveInventory) -> None:
    before = synced.versions()
    report = synced.sync("services")

    assert (report.mode, report.fallback) == (mode, None)
    assert (report.seen, report.unchanged) == (len(synced.objects("services")),) * 2
    assert synced.versions() == before


@EVERY_MODE
def test_something_else_changed(mode: str, synced: LiveInventory, namespace: str) -> None:
    before = synced.versions()
    synced.cluster.request("POST", f"{CORE}/{namespace}/configmaps", {"metadata": {"name": "other"}})
    report = synced.sync("services")

    assert (report.mode, report.fallback) == (mode, None)
    assert synced.versions() == before


@EVERY_MODE
def test_something_came_changed_and_went(mode: str, synced: LiveInventory, namespace: str) -> None:
    services = f"{CORE}/{namespace}/services"
    add_service(synced.cluster, namespace, "short")
    synced.cluster.request("PATCH", f"{services}/changed", {"metadata": {"labels": {"tier": "front"}}})
    synced.cluster.request("DELETE", f"{services}/short")
    synced.cluster.request("DELETE", f"{services}/other")
    uid = add_service(synced.cluster, namespace, "other")
    report = synced.sync("services")

    assert (report.mode, report.fallback) == (mode, None)
    assert (report.inserted, report.updated, report.deleted) == (1, 1, 1)
    assert synced.rows("services")[uid]["name"] == "other"


@EVERY_MODE
def test_the_version_in_the_ledger_never_goes_back(mode: str, synced: LiveInventory, namespace: str) -> None:
    versions = []
    for number in range(3):
        add_service(synced.cluster, namespace, f"service-{number}")
        versions.append(int(synced.sync("services").resource_version or ""))

    assert versions == sorted(set(versions))


@CHEAP
@pytest.mark.usefixtures("world")
def test_every_resource_can_be_read_so(mode: str, inventory: LiveInventory) -> None:
    def twice() -> Sequence[str]:
        return [inventory.sync(resource).mode for _ in range(2) for resource in PATHS][len(PATHS) :]

    assert inventory.at_rest(twice, *PATHS) == [mode] * len(PATHS)


@pytest.mark.parametrize("mode", ["delta"], indirect=True)
def test_rows_changed_by_hand_are_drift(synced: LiveInventory, namespace: str) -> None:
    synced.execute("UPDATE k8s_services SET resource_version = '0', name = '' WHERE namespace = %s", namespace)
    report = synced.sync("services", verify_every=1)

    assert (report.mode, report.drift, report.updated) == ("delta", 2, 2)
    assert "" not in synced.names("services")


@CHEAP
def test_rows_removed_by_hand_come_back(synced: LiveInventory, namespace: str) -> None:
    before = set(synced.rows("services"))
    synced.execute("DELETE FROM k8s_services WHERE namespace = %s", namespace)
    report = synced.sync("services")

    assert (report.mode, report.inserted) == ("metadata", 2)
    assert set(synced.rows("services")) == before


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
    assert uid in inventory.rows("services", context)
