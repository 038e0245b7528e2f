"""A cluster is a row: put together from the kubeconfig, its version, its identity and its nodes."""

from __future__ import annotations

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, Simulator, User

from tests.kit.inventory import Inventory
from tests.kit.objects import node, pod
from tests.kit.syncer import Syncer


def identity(cluster: Cluster) -> str:
    return str(cluster.get("namespaces", "kube-system")["metadata"]["uid"])


def test_every_column_is_known(simulator: Simulator, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("nodes", [node("node-1"), node("node-2")])
    report = sync("clusters")
    (row,) = inventory.rows("k8s_clusters")
    ca_file = row.pop("ca_file")
    expected = {
        "context_name": "dev",
        "cluster_uid": identity(dev),
        "uid": identity(dev),
        "name": "dev",
        "cluster_name": "dev",
        "server": simulator.url("dev"),
        "insecure_skip_verify": False,
        "namespace": "default",
        "kubernetes_version": "v1.36.3",
        "node_count": 2,
        "updated_at": row["changed_at"],
        "deleted_at": None,
        "labels": {},
    }

    assert (report.seen, report.inserted, report.pages) == (1, 1, 1)
    assert ca_file.endswith("ca.crt")
    assert {name: row[name] for name in expected} == expected
    assert row["created_at"].isoformat() == "2026-01-05T08:00:00+00:00"
    assert row["object"]["status"]["version"]["gitVersion"] == "v1.36.3"


def test_a_row_that_did_not_change_says_when_it_was_last_found_so(sync: Syncer, inventory: Inventory) -> None:
    sync("clusters")
    (before,) = inventory.rows("k8s_clusters")
    report = sync("clusters")
    (after,) = inventory.rows("k8s_clusters")

    assert (report.unchanged, report.updated) == (1, 0)
    assert after.pop("synced_at") > before.pop("synced_at") >= before["changed_at"]
    assert after == before


def test_a_sync_that_failed_found_nothing(simulator: Simulator, sync: Syncer, inventory: Inventory) -> None:
    sync("clusters")
    before = inventory.rows("k8s_clusters")
    simulator.stop("dev")
    sync("clusters")

    assert inventory.rows("k8s_clusters") == before


def test_an_upgrade_changes_the_row(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync("clusters")
    dev.version = "v1.37.0"
    report = sync("clusters")

    assert (report.updated, report.inserted) == (1, 0)
    assert inventory.rows("k8s_clusters")[0]["kubernetes_version"] == "v1.37.0"


def test_nodes_are_counted_over_all_pages(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("nodes", [node(f"node-{number}") for number in range(7)])
    sync("clusters", page_size=3)

    assert inventory.rows("k8s_clusters")[0]["node_count"] == 7


def test_without_kube_system_a_cluster_has_no_identity(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.add_user(User(name="reader", denied=(Rule(verbs=("get",), resources=("namespaces",)),)))
    forbidden = sync("clusters", context="dev-reader")
    dev.delete("namespaces", "kube-system")
    missing = sync("clusters")

    assert forbidden.status == "forbidden"
    assert "without it a cluster has no identity" in (forbidden.reason or "")
    assert missing.status == "failed"
    assert "a cluster without a namespace kube-system has no identity" in (missing.reason or "")
    assert inventory.rows("k8s_clusters") == []


def test_other_resources_can_do_without_it(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    dev.inject(Fault(path="/kube-system$", status=403))
    report = sync()

    assert (report.status, report.cluster_uid) == ("success", None)
    assert report.warnings[0].startswith("cluster_uid is NULL: ")
    assert inventory.row("k8s_pods", "web")["cluster_uid"] is None


@pytest.mark.parametrize("status", [403, 404])
def test_a_cluster_without_nodes_can_be_one(status: int, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.inject(Fault(path="/nodes$", status=status))
    report = sync("clusters")

    assert report.status == "success"
    assert report.warnings[0].startswith("node_count is NULL: ")
    assert inventory.rows("k8s_clusters")[0]["node_count"] is None


def test_a_cluster_without_a_version_is_not_absent(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync("clusters")
    before = inventory.versions()
    dev.inject(Fault(path="^/version$", status=404))

    assert sync("clusters").status == "failed"
    assert inventory.versions() == before


def test_an_identity_that_becomes_readable_is_written(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    dev.inject(Fault(path="/kube-system$", status=403))
    sync()
    report = sync()

    assert (report.updated, report.cluster_uid) == (1, identity(dev))
    assert inventory.row("k8s_pods", "web")["cluster_uid"] == identity(dev)


def test_a_version_that_is_none_fails(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync("clusters")
    before = inventory.versions()
    dev.inject(Fault(path="^/version$", body=b'{"paths":[]}'))
    report = sync("clusters")

    assert report.status == "failed"
    assert "GET /version: not a response of Kubernetes" in (report.reason or "")
    assert inventory.versions() == before


def test_a_count_of_nodes_that_expires_starts_again(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("nodes", [node(f"node-{number}") for number in range(4)])
    dev.inject(Fault(path="/nodes$", query={"continue": "."}, status=410))

    assert sync("clusters", page_size=3).status == "success"
    assert inventory.rows("k8s_clusters")[0]["node_count"] == 4


@pytest.mark.parametrize("resource", ["clusters", "pods"])
def test_two_contexts_of_one_cluster_have_rows_of_their_own(
    resource: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [pod("web")])
    dev.add_user(User(name="second"))
    for context in ("dev", "dev-second"):
        assert sync(resource, context=context).inserted == 1
    before = inventory.versions()
    for context in ("dev", "dev-second"):
        assert sync(resource, context=context).unchanged == 1

    rows = inventory.rows(f"k8s_{resource}", "context_name")
    assert [row["context_name"] for row in rows] == ["dev", "dev-second"]
    assert len({row["cluster_uid"] for row in rows}) == len({row["uid"] for row in rows}) == 1
    assert inventory.versions() == before
