"""History names who changed an object, as its managedFields do, in every mode."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.agreement import EVERY_MODE
from tests.kit.cluster import SimulatedCluster
from tests.kit.inventory import Row
from tests.kit.live_inventory import LiveInventory
from tests.kit.populating import CORE

pytestmark = EVERY_MODE
APPS = "/apis/apps/v1/namespaces"


def last_change(inventory: LiveInventory, name: str) -> Row:
    return [row for row in inventory.rows("k8s_history", "id") if row["name"] == name][-1]


def deployment(name: str, image: str) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": image}, {"name": "proxy", "image": "proxy:1"}]},
            },
        },
    }


def test_the_manager_of_the_changed_field_is_named(inventory: LiveInventory, namespace: str) -> None:
    if isinstance(inventory.cluster, SimulatedCluster):
        pytest.skip("the simulator has no managedFields of its own")
    path = f"{APPS}/{namespace}/deployments"
    inventory.cluster.request("POST", f"{path}?fieldManager=founder", deployment("old", "web:1"))
    inventory.sync("deployments")
    inventory.cluster.request("POST", f"{path}?fieldManager=alice", deployment("web", "web:1"))
    inventory.sync("deployments")
    created = last_change(inventory, "web")
    containers = [{"name": "web", "image": "web:2"}, {"name": "proxy", "image": "proxy:1"}]
    image = {"spec": {"template": {"spec": {"containers": containers}}}}
    inventory.cluster.request("PATCH", f"{path}/web?fieldManager=bob", image)
    inventory.sync("deployments")
    imaged = last_change(inventory, "web")
    inventory.cluster.request("PATCH", f"{path}/web?fieldManager=carol", {"metadata": {"labels": {"a.b/c": "d"}}})
    inventory.sync("deployments")
    labelled = last_change(inventory, "web")
    inventory.cluster.request("DELETE", f"{path}/web")
    inventory.sync("deployments")
    deleted = last_change(inventory, "web")

    assert (created["change"], created["changed_by"]) == ("created", "alice")
    assert (imaged["change"], imaged["changed_by"]) == ("updated", "bob")
    assert "images web:1 → web:2" in imaged["summary"]
    assert (labelled["change"], labelled["changed_by"]) == ("updated", "carol")
    # Nothing there tells who deleted.
    assert (deleted["change"], deleted["changed_by"]) == ("deleted", None)


def test_managed_fields_are_read_and_not_kept(inventory: LiveInventory, namespace: str) -> None:
    path = f"{CORE}/{namespace}/configmaps"
    inventory.cluster.request("POST", path, {"metadata": {"name": "one"}, "data": {"a": "1"}})
    inventory.sync("configmaps")
    inventory.cluster.request("PATCH", f"{path}/one", {"data": {"b": "2"}})
    inventory.sync("configmaps")

    assert "managedFields" not in str(last_change(inventory, "one")["patch"])
    assert all("managedFields" not in str(row["object"]) for row in inventory.rows("k8s_configmaps"))
