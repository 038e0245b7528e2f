"""Two contexts of one cluster: each has rows of its own, and both know that it is one cluster."""

from __future__ import annotations

import pytest

from tests.fixtures.clusters import LiveCluster
from tests.fixtures.conformance.agreement import EVERY_MODE
from tests.fixtures.conformance.live_inventory import LiveInventory
from tests.fixtures.conformance.world import CORE, add_service

pytestmark = EVERY_MODE


@pytest.fixture(scope="module")
def second(cluster: LiveCluster) -> str:
    """The context of a user who may read everything."""
    return cluster.restrict("second", [{"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["get", "list"]}])


def test_both_have_the_same_identity(inventory: LiveInventory, second: str) -> None:
    reports = [inventory.sync("clusters"), inventory.sync("clusters", context=second)]

    assert reports[0].cluster_uid == reports[1].cluster_uid
    assert len(inventory.rows("clusters")) == len(inventory.rows("clusters", second)) == 1


def test_each_has_its_own_rows(inventory: LiveInventory, second: str, world: str) -> None:
    inventory.sync("services")
    inventory.sync("services", context=second)

    assert set(inventory.rows("services")) == set(inventory.rows("services", second))


def test_the_sync_of_one_leaves_the_rows_of_the_other(inventory: LiveInventory, second: str, namespace: str) -> None:
    uid = add_service(inventory.cluster, namespace, "gone")
    inventory.sync("services")
    inventory.sync("services", context=second)

    inventory.cluster.request("DELETE", f"{CORE}/{namespace}/services/gone")
    inventory.sync("services")

    assert uid not in inventory.rows("services")
    assert uid in inventory.rows("services", second)
