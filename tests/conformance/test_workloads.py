"""Deployments, and the pods that controllers make of them and take away."""

from __future__ import annotations

from tests.kit import workloads
from tests.kit.agreement import EVERY_MODE
from tests.kit.inventory import Row
from tests.kit.live_inventory import LiveInventory

pytestmark = EVERY_MODE


def pods(inventory: LiveInventory, namespace: str) -> list[Row]:
    """The rows of a namespace's pods, once the controllers are done."""
    inventory.at_rest(lambda: inventory.sync("pods"), "pods")
    return [row for row in inventory.by_uid("pods").values() if row["namespace"] == namespace]


def deployment(inventory: LiveInventory, namespace: str) -> Row:
    """The row of a namespace's one deployment, once the controllers are done."""
    inventory.at_rest(lambda: inventory.sync("deployments"), "deployments")
    (row,) = (row for row in inventory.by_uid("deployments").values() if row["namespace"] == namespace)
    return row


def test_the_pods_of_a_deployment_belong_to_its_replica_set(inventory: LiveInventory, namespace: str) -> None:
    workloads.deploy(inventory.cluster, namespace, "web", replicas=3)

    rows = pods(inventory, namespace)

    assert [row["owner_kind"] for row in rows] == ["ReplicaSet"] * 3
    assert len({row["owner_uid"] for row in rows}) == 1
    assert [row["images"] for row in rows] == [["web:1.0"]] * 3


def test_more_replicas_are_more_rows(inventory: LiveInventory, namespace: str) -> None:
    workloads.deploy(inventory.cluster, namespace, "web", replicas=1)
    first = {row["uid"] for row in pods(inventory, namespace)}

    workloads.scale(inventory.cluster, namespace, "web", replicas=4)

    assert len(pods(inventory, namespace)) == 4
    assert first < {row["uid"] for row in pods(inventory, namespace)}
    assert deployment(inventory, namespace)["replicas"] == 4


def test_fewer_replicas_are_fewer_rows(inventory: LiveInventory, namespace: str) -> None:
    workloads.deploy(inventory.cluster, namespace, "web", replicas=3)
    pods(inventory, namespace)

    workloads.scale(inventory.cluster, namespace, "web", replicas=1)

    assert len(pods(inventory, namespace)) == 1
    assert deployment(inventory, namespace)["up_to_date"] == 1


def test_a_deleted_deployment_takes_its_pods_along(inventory: LiveInventory, namespace: str) -> None:
    workloads.deploy(inventory.cluster, namespace, "web", replicas=2)
    assert len(pods(inventory, namespace)) == 2

    workloads.remove(inventory.cluster, namespace, "web")

    assert pods(inventory, namespace) == []
