"""Two contexts of one cluster: each has rows of its own, and both know that it is one cluster."""

from __future__ import annotations

import pytest

from tests.kit.agreement import EVERY_MODE
from tests.kit.cluster import LiveCluster
from tests.kit.live_inventory import LiveInventory
from tests.kit.populating import CORE, add_service

pytestmark = EVERY_MODE


@pytest.fixture(scope="module")
def second_context(cluster: LiveCluster) -> str:
    """The context of a user who may read everything."""
    return cluster.restrict("second", [{"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["get", "list"]}])


def test_both_have_the_same_identity(inventory: LiveInventory, second_context: str) -> None:
    reports = [inventory.sync("clusters"), inventory.sync("clusters", context=second_context)]

    assert reports[0].cluster_uid == reports[1].cluster_uid
    assert len(inventory.by_uid("clusters")) == len(inventory.by_uid("clusters", second_context)) == 1


def test_each_has_its_own_rows(inventory: LiveInventory, second_context: str, populated_namespace: str) -> None:
    inventory.sync("services")
    inventory.sync("services", context=second_context)

    assert set(inventory.by_uid("services")) == set(inventory.by_uid("services", second_context))


def test_the_sync_of_one_leaves_the_rows_of_the_other(
    inventory: LiveInventory, second_context: str, namespace: str
) -> None:
    uid = add_service(inventory.cluster, namespace, "gone")
    inventory.sync("services")
    inventory.sync("services", context=second_context)

    inventory.cluster.request("DELETE", f"{CORE}/{namespace}/services/gone")
    inventory.sync("services")

    assert uid not in inventory.by_uid("services")
    assert uid in inventory.by_uid("services", second_context)
