"""A sync that is narrowed by labels, fields or globs of namespaces speaks of what it selects, and says what left it."""

from __future__ import annotations

from typing import Any

import pytest
from k8s_inventory_demo.simulator import Fault

from tests.kit.agreement import EVERY_MODE
from tests.kit.cluster import SimulatedCluster
from tests.kit.live_inventory import LiveInventory
from tests.kit.populating import CORE

pytestmark = EVERY_MODE


def add(inventory: LiveInventory, namespace: str, *names: str, **labels: str) -> None:
    """Make config maps that have these labels."""
    for name in names:
        body = {"metadata": {"name": name, "labels": labels}}
        inventory.cluster.request("POST", f"{CORE}/{namespace}/configmaps", body)


def label(inventory: LiveInventory, namespace: str, name: str, **labels: str | None) -> None:
    path = f"{CORE}/{namespace}/configmaps/{name}"
    inventory.cluster.request("PATCH", path, {"metadata": {"labels": labels}})


def delete(inventory: LiveInventory, namespace: str, name: str) -> None:
    inventory.cluster.request("DELETE", f"{CORE}/{namespace}/configmaps/{name}")


def names(inventory: LiveInventory) -> list[str]:
    return inventory.names("k8s_configmaps")


def test_what_left_the_selection_is_told_from_what_is_gone(inventory: LiveInventory, namespace: str, mode: str) -> None:
    selected: dict[str, Any] = {"labels": (f"team={namespace}",)}
    add(inventory, namespace, "stays", "leaves", "goes", "returns", team=namespace)
    add(inventory, namespace, "other", "joins")
    assert inventory.sync("configmaps", **selected).inserted == 4
    label(inventory, namespace, "leaves", team="another")
    delete(inventory, namespace, "goes")
    delete(inventory, namespace, "returns")
    add(inventory, namespace, "returns")
    # Last, as an API server sends no bookmark of the resourceVersion of an event that it left out:
    # processInterval in k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go.
    label(inventory, namespace, "joins", team=namespace)

    report = inventory.sync("configmaps", **selected)

    assert (report.status, report.mode, report.fallback) == ("success", mode, None)
    assert (report.inserted, report.deleted, report.unselected) == (1, 2, 1)
    assert names(inventory) == ["joins", "stays"]
    assert inventory.last()["unselected"] == 1
    assert inventory.last()["label_selector"] == f"team={namespace}"
    assert inventory.sync("configmaps", **selected).written == 0


def test_a_field_selector_narrows_too(inventory: LiveInventory, namespace: str) -> None:
    add(inventory, namespace, "one", "two")
    report = inventory.sync("configmaps", fields=(f"metadata.namespace={namespace},metadata.name==one",))

    assert (report.status, report.seen) == ("success", 1)
    assert names(inventory) == ["one"]
    delete(inventory, namespace, "one")
    report = inventory.sync("configmaps", fields=(f"metadata.name=one,metadata.namespace={namespace}",))
    assert (report.deleted, report.unselected) == (1, 0)


def test_more_than_a_few_that_left_are_told_apart_by_one_list(inventory: LiveInventory, namespace: str) -> None:
    many = [f"many-{number:02}" for number in range(60)]
    add(inventory, namespace, *many, "stays", team=namespace)
    assert inventory.sync("configmaps", labels=(f"team={namespace}",)).inserted == 61
    for name in many[:40]:
        label(inventory, namespace, name, team=None)
    for name in many[40:]:
        delete(inventory, namespace, name)

    report = inventory.sync("configmaps", labels=(f"team={namespace}",))

    assert (report.deleted, report.unselected, names(inventory)) == (20, 40, ["stays"])


def test_another_selector_replaces_the_rows_of_the_one_before(inventory: LiveInventory, namespace: str) -> None:
    add(inventory, namespace, "blue", team=namespace, color="blue")
    add(inventory, namespace, "green", team=namespace, color="green")
    inventory.sync("configmaps", labels=(f"team={namespace}",), namespaces=(namespace,))
    report = inventory.sync("configmaps", labels=(f"team={namespace},color=blue",))

    assert (report.status, report.unchanged, report.deleted, report.unselected) == ("success", 1, 0, 1)
    assert names(inventory) == ["blue"]
    assert any("which this one replaces: 1 rows went" in warning for warning in report.warnings)
    assert [row["label_selector"] for row in inventory.rows("k8s_freshness", "resource")] == [
        f"color=blue,team={namespace}"
    ]
    report = inventory.sync("configmaps", namespaces=(namespace,), labels=(f"color in (blue, green),team={namespace}",))
    assert (report.inserted, report.unchanged, report.unselected, report.deleted) == (1, 1, 0, 0)


def test_scopes_of_one_selector_and_other_namespaces_live_side_by_side(
    inventory: LiveInventory, namespace: str
) -> None:
    add(inventory, namespace, "here", team=namespace)
    add(inventory, "default", f"there-{namespace}", team=namespace)
    for where in (namespace, "default"):
        inventory.sync("configmaps", namespaces=(where,), labels=(f"team={namespace}",))
    report = inventory.sync("configmaps", namespaces=(namespace,), labels=(f"team={namespace}",))

    assert (report.unchanged, report.unselected, report.deleted, report.warnings) == (1, 0, 0, ())
    assert names(inventory) == ["here", f"there-{namespace}"]


def test_rows_in_other_namespaces_leave_with_the_selector_they_were_read_by(
    inventory: LiveInventory, namespace: str
) -> None:
    add(inventory, namespace, "here", team=namespace)
    add(inventory, "default", f"there-{namespace}", team=namespace)
    inventory.sync("configmaps", labels=(f"team={namespace}",))
    report = inventory.sync("configmaps", namespaces=(namespace,), labels=(f"team in ({namespace},none)",))

    assert (report.unchanged, report.unselected, report.deleted) == (1, 1, 0)
    assert names(inventory) == ["here"]


def test_a_glob_of_namespaces_is_what_it_matches_now(inventory: LiveInventory, namespace: str) -> None:
    for number in (1, 2, 3):
        inventory.cluster.request("POST", CORE, {"metadata": {"name": f"{namespace}-n{number}"}})
        add(inventory, f"{namespace}-n{number}", f"in-{number}", team=namespace)
    globs = (f"{namespace}-*", f"!{namespace}-n3")
    selected: dict[str, Any] = {"namespaces": globs, "labels": (f"team={namespace}",)}
    assert inventory.sync("configmaps", **selected).inserted == 2
    delete(inventory, f"{namespace}-n1", "in-1")
    inventory.cluster.request("POST", CORE, {"metadata": {"name": f"{namespace}-n4"}})
    add(inventory, f"{namespace}-n4", "in-4", team=namespace)

    report = inventory.sync("configmaps", **selected)

    assert (report.status, report.inserted, report.deleted) == ("success", 1, 1)
    assert names(inventory) == ["in-2", "in-4"]
    assert inventory.last()["namespaces"] == list(globs)


def test_a_glob_that_matches_nothing_fails_and_loses_nothing(inventory: LiveInventory, namespace: str) -> None:
    add(inventory, namespace, "one")
    inventory.sync("configmaps", namespaces=(namespace,))
    report = inventory.sync("configmaps", namespaces=("nowhere-*",))

    assert report.status == "failed"
    assert "no namespace matches nowhere-*, so nothing was changed" in str(report.reason)
    assert "one" in names(inventory)
    assert [row["namespaces"] for row in inventory.rows("k8s_freshness", "resource")] == [[namespace]]
    assert inventory.last()["namespaces"] == ["nowhere-*"]


def test_a_selector_that_the_server_refuses_fails_and_loses_nothing(inventory: LiveInventory, namespace: str) -> None:
    add(inventory, namespace, "one", team=namespace)
    inventory.sync("configmaps", labels=(f"team={namespace}",))
    report = inventory.sync("configmaps", labels=(f"team={namespace}",), fields=("configmaps:spec.nodeName=x",))

    assert report.status == "failed"
    assert "spec.nodeName" in str(report.reason)
    assert "correct the selector" in str(report.reason)
    assert "no response of Kubernetes" not in str(report.reason)
    assert [row["last_status"] for row in inventory.rows("k8s_freshness", "resource")] == ["success"]
    assert names(inventory) == ["one"]


def test_who_may_not_list_namespaces_is_told_that_globs_need_it(inventory: LiveInventory, namespace: str) -> None:
    if not isinstance(inventory.cluster, SimulatedCluster):
        pytest.skip("a fault of the simulator")
    add(inventory, namespace, "one")
    inventory.sync("configmaps", namespaces=(namespace,))
    inventory.cluster.simulated.inject(Fault(path="/api/v1/namespaces$", status=403, times=None))
    try:
        report = inventory.sync("configmaps", namespaces=("team-*",))
    finally:
        inventory.cluster.simulated.faults.clear()

    assert report.status == "forbidden"
    assert "globs and exclusions of namespaces need the right to list them" in str(report.reason)
    assert "one" in names(inventory)
