"""The view `k8s_owner_tree` follows owners up to the root, over tables, and ends where they go round."""

from __future__ import annotations

from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster

from tests.kit.inventory import Inventory
from tests.kit.objects import crd, named
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.postgres15

APPS = "apps.example.com"


def owned(name: str, uid: str, kind: str, owner: str) -> dict[str, Any]:
    """An object whose controller has the UID ``owner``."""
    document = named(name, "default", uid=uid)
    reference = {"kind": kind, "name": f"name-of-{owner}", "uid": owner, "controller": True}
    return document | {"metadata": document["metadata"] | {"ownerReferences": [reference]}}


def chain(inventory: Inventory, uid: str, context: str = "dev") -> list[tuple[Any, ...]]:
    """The owners of an object, from the nearest on."""
    rows = inventory.query(
        "SELECT depth, owner_kind, owner_uid, is_root FROM k8s_owner_tree WHERE context_name = %s AND uid = %s"
        " ORDER BY depth",
        context,
        uid,
    )
    return [tuple(row.values()) for row in rows]


def test_owners_are_followed_over_tables_up_to_the_root(
    dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", crd("apps", "example.com", "App"))
    dev.seed(APPS, [named("shop", "default", uid="a1")])
    dev.seed("deployments", [owned("web", "d1", "App", "a1")])
    dev.seed("replicasets", [owned("web-1", "r1", "Deployment", "d1")])
    dev.seed("pods", [owned("web-1-x", "p1", "ReplicaSet", "r1"), named("alone", "default", uid="p2")])
    # Another cluster's objects are not followed, though a restore may have given them the same UIDs.
    prod.seed("pods", [owned("web-1-x", "p1", "ReplicaSet", "r1")])
    for resource in (APPS, "deployments", "replicasets", "pods"):
        sync(resource)
    sync("pods", context="prod")

    assert chain(inventory, "p1") == [
        (1, "ReplicaSet", "r1", False),
        (2, "Deployment", "d1", False),
        (3, "App", "a1", True),
    ]
    assert chain(inventory, "d1") == [(1, "App", "a1", True)]
    assert chain(inventory, "a1") == chain(inventory, "p2") == []
    assert chain(inventory, "p1", "prod") == [(1, "ReplicaSet", "r1", True)]
    below = inventory.query("SELECT name FROM k8s_owner_tree WHERE owner_uid = 'a1' ORDER BY depth")
    assert [row["name"] for row in below] == ["web", "web-1", "web-1-x"]


@pytest.mark.parametrize("ring", [("r1",), ("r1", "r2"), ("r1", "r2", "r3")], ids=len)
def test_owners_that_go_round_end(ring: tuple[str, ...], dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    owners = (*ring[1:], ring[0])
    dev.seed("replicasets", [owned(uid, uid, "ReplicaSet", owner) for uid, owner in zip(ring, owners, strict=True)])
    dev.seed("pods", [owned("p", "p1", "ReplicaSet", "r1")])
    sync("replicasets"), sync("pods")

    assert [(owner, is_root) for _, _, owner, is_root in chain(inventory, "p1")] == [
        (uid, uid == ring[-1]) for uid in ring
    ]


def test_an_owner_that_is_marked_as_deleted_has_no_owners(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("replicasets", [owned("web-1", "r1", "Deployment", "d1")])
    dev.seed("pods", [owned("web-1-x", "p1", "ReplicaSet", "r1")])
    sync("replicasets", on_delete="mark"), sync("pods")
    assert len(chain(inventory, "p1")) == 2
    dev.delete("replicasets", "web-1", "default")
    sync("replicasets", on_delete="mark")

    assert chain(inventory, "p1") == [(1, "ReplicaSet", "r1", True)]
    assert chain(inventory, "r1") == []


def test_one_object_is_found_without_reading_the_tables(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [owned(f"p{number}", f"u{number}", "ReplicaSet", "r1") for number in range(3000)])
    sync()
    inventory.query("ANALYZE k8s_pods")
    plan = inventory.query("EXPLAIN SELECT * FROM k8s_owner_tree WHERE context_name = 'dev' AND uid = 'u7'")

    assert [line for row in plan if "Seq Scan on k8s_pods" in (line := row["QUERY PLAN"])] == []
