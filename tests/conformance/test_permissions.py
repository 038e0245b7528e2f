"""A user who may not do everything: what is denied fails alone, and its rows stay as they were."""

from __future__ import annotations

import pytest

from tests.kit.agreement import EVERY_MODE
from tests.kit.cluster import LiveCluster
from tests.kit.live_inventory import LiveInventory

pytestmark = EVERY_MODE

READ = ["get", "list"]


def rule(*resources: str, group: str = "") -> dict[str, list[str]]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": READ}


@pytest.fixture(scope="module")
def without_pods(cluster: LiveCluster) -> str:
    """The context of a user who may read everything the six resources need but pods."""
    core = rule("namespaces", "nodes", "services")
    return cluster.restrict("without-pods", [core, rule("deployments", group="apps")])


def test_what_is_denied_is_forbidden(inventory: LiveInventory, without_pods: str) -> None:
    report = inventory.sync("pods", context=without_pods)

    assert report.status == "forbidden"
    assert report.reason
    assert without_pods in report.reason
    assert "pods" in report.reason


def test_what_is_allowed_goes_on(inventory: LiveInventory, without_pods: str, populated_namespace: str) -> None:
    statuses = {name: inventory.sync(name, context=without_pods).status for name in ("namespaces", "deployments")}

    assert statuses == {"namespaces": "success", "deployments": "success"}
    assert "web" in inventory.names_of("deployments", without_pods)


def test_rows_stay_when_the_right_is_taken_away(
    cluster: LiveCluster, inventory: LiveInventory, populated_namespace: str
) -> None:
    context = cluster.restrict("sometimes", [rule("pods", "namespaces")])
    assert inventory.sync("pods", context=context).status == "success"
    before = inventory.versions()

    cluster.restrict("sometimes", [rule("namespaces")])
    report = inventory.sync("pods", context=context)

    assert (report.status, report.deleted) == ("forbidden", 0)
    assert inventory.versions() == before


def test_a_cluster_whose_identity_is_denied_is_read_all_the_same(
    cluster: LiveCluster, inventory: LiveInventory
) -> None:
    context = cluster.restrict("without-identity", [rule("pods")])

    report = inventory.sync("pods", context=context)

    assert (report.status, report.cluster_uid) == ("success", None)
    assert "kube-system" in report.warnings[0]


def test_nodes_that_may_not_be_counted_are_not_zero(cluster: LiveCluster, inventory: LiveInventory) -> None:
    context = cluster.restrict("without-nodes", [rule("namespaces")])

    assert inventory.sync("clusters", context=context).status == "success"

    (row,) = inventory.by_uid("clusters", context).values()
    assert row["node_count"] is None
