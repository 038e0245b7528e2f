"""Objects come, change and go, and so do their rows; what did not change is not written."""

from __future__ import annotations

from tests.kit.agreement import EVERY_MODE
from tests.kit.expected_rows import OWN as RESOURCES
from tests.kit.live_inventory import LiveInventory
from tests.kit.populating import CORE, add_service

pytestmark = EVERY_MODE


def test_a_second_sync_writes_nothing(inventory: LiveInventory, populated_namespace: str) -> None:
    def sync_twice() -> tuple[int, bool]:
        for resource in ("clusters", *RESOURCES):
            inventory.sync(resource)
        before = inventory.versions()
        reports = [inventory.sync(resource) for resource in ("clusters", *RESOURCES)]
        return sum(
            report.inserted + report.updated + report.deleted for report in reports
        ), inventory.versions() == before

    assert inventory.at_rest(sync_twice, *RESOURCES) == (0, True)


def test_a_new_object_gets_a_row(inventory: LiveInventory, namespace: str) -> None:
    inventory.sync("services")
    uid = add_service(inventory.cluster, namespace, "web")

    report = inventory.sync("services")

    assert report.inserted == 1
    assert inventory.by_uid("services")[uid]["name"] == "web"


def test_a_changed_object_changes_its_row_alone(inventory: LiveInventory, namespace: str) -> None:
    changed, other = (add_service(inventory.cluster, namespace, name) for name in ("changed", "other"))
    inventory.sync("services")
    before = inventory.by_uid("services")

    patch = {"metadata": {"labels": {"tier": "front"}}, "spec": {"selector": {"app": "web"}}}
    inventory.cluster.request("PATCH", f"{CORE}/{namespace}/services/changed", patch)
    report = inventory.sync("services")

    after = inventory.by_uid("services")
    assert report.updated == 1
    assert (after[changed]["labels"], after[changed]["selector"]) == ({"tier": "front"}, {"app": "web"})
    assert after[changed]["first_seen_at"] == before[changed]["first_seen_at"]
    assert after[changed]["changed_at"] > before[changed]["changed_at"]
    assert after[other] == before[other]


def test_a_deleted_object_loses_its_row(inventory: LiveInventory, namespace: str) -> None:
    gone, kept = (add_service(inventory.cluster, namespace, name) for name in ("gone", "kept"))
    inventory.sync("services")

    inventory.cluster.request("DELETE", f"{CORE}/{namespace}/services/gone")
    report = inventory.sync("services")

    assert report.deleted == 1
    assert gone not in inventory.by_uid("services")
    assert kept in inventory.by_uid("services")


def test_a_deleted_object_can_be_marked_instead(inventory: LiveInventory, namespace: str) -> None:
    uid = add_service(inventory.cluster, namespace, "gone")
    inventory.sync("services")

    inventory.cluster.request("DELETE", f"{CORE}/{namespace}/services/gone")
    report = inventory.sync("services", on_delete="mark")

    assert report.deleted == 1
    assert inventory.by_uid("services")[uid]["deleted_at"] is not None


def test_an_object_made_anew_is_another_row(inventory: LiveInventory, namespace: str) -> None:
    old = add_service(inventory.cluster, namespace, "web")
    inventory.sync("services")

    inventory.cluster.request("DELETE", f"{CORE}/{namespace}/services/web")
    new = add_service(inventory.cluster, namespace, "web")
    report = inventory.sync("services")

    assert (report.inserted, report.deleted) == (1, 1)
    assert old not in inventory.by_uid("services")
    assert inventory.by_uid("services")[new]["name"] == "web"


def test_an_object_that_is_held_keeps_its_row(inventory: LiveInventory, namespace: str) -> None:
    uid = add_service(inventory.cluster, namespace, "held", finalizers=["example.com/held"])
    inventory.cluster.request("DELETE", f"{CORE}/{namespace}/services/held")

    inventory.sync("services")

    assert inventory.by_uid("services")[uid]["deletion_timestamp"] is not None
