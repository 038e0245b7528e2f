"""What a sync writes: what is new, what changed, what is gone, and nothing else."""

from __future__ import annotations

import pytest
from k8s_inventory_demo.simulator import Cluster

from tests.kit.inventory import Inventory
from tests.kit.objects import node, pod, pods
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.postgres15


def counts(report: object) -> tuple[int, ...]:
    names = ("seen", "inserted", "updated", "unchanged", "deleted")
    return tuple(getattr(report, name) for name in names)


def test_a_first_sync_inserts_every_object(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    report = sync()

    assert report.status == "success"
    assert counts(report) == (3, 3, 0, 0, 0)
    assert inventory.names("k8s_pods") == ["web-0000", "web-0001", "web-0002"]


def test_a_second_sync_writes_no_row_of_any_table(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    dev.seed("nodes", [node("node-1")])
    resources = ("clusters", "namespaces", "nodes", "pods")
    for resource in resources:
        sync(resource)
    before = inventory.versions()

    for resource in resources:
        report = sync(resource)
        assert (report.inserted, report.updated, report.deleted) == (0, 0, 0)
        assert report.unchanged == report.seen > 0
    assert inventory.versions() == before
    assert len(before) == 4 + 1 + 3


def test_a_changed_object_rewrites_its_row_alone(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    sync()
    before = inventory.versions()
    dev.patch("pods", "web-0001", {"status": {"phase": "Failed"}}, "default")

    assert counts(sync()) == (3, 0, 1, 2, 0)
    assert inventory.row("k8s_pods", "web-0001")["status"] == "Failed"
    changed = {key for key, version in inventory.versions().items() if version != before[key]}
    assert changed == {("k8s_pods", "dev", inventory.row("k8s_pods", "web-0001")["uid"])}


def test_a_change_is_dated_and_the_first_sight_stays(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web"), pod("idle")])
    sync()
    first = inventory.row("k8s_pods", "web")
    dev.patch("pods", "web", {"metadata": {"labels": {"a": "b"}}}, "default")
    sync()
    second, idle = inventory.row("k8s_pods", "web"), inventory.row("k8s_pods", "idle")

    assert first["first_seen_at"] == first["changed_at"]
    assert second["first_seen_at"] == first["first_seen_at"]
    assert second["changed_at"] > first["changed_at"]
    assert idle["changed_at"] == first["changed_at"]


def test_a_deleted_object_loses_its_row_alone(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    sync()
    before = inventory.versions()
    gone = inventory.row("k8s_pods", "web-0002")["uid"]
    dev.delete("pods", "web-0002", "default")

    assert counts(sync()) == (2, 0, 0, 2, 1)
    assert before.items() - inventory.versions().items() == {
        (("k8s_pods", "dev", gone), before["k8s_pods", "dev", gone])
    }


def test_an_object_that_was_made_anew_under_its_name_is_another_row(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("pods", pod("web"))
    sync()
    before = inventory.row("k8s_pods", "web")
    dev.delete("pods", "web", "default")
    dev.create("pods", pod("web"))

    assert counts(sync()) == (1, 1, 0, 0, 1)
    after = inventory.row("k8s_pods", "web")
    assert after["uid"] != before["uid"]
    assert after["first_seen_at"] > before["first_seen_at"]


def test_the_last_object_goes_too(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    sync()
    dev.delete("pods", "web", "default")

    assert counts(sync()) == (0, 0, 0, 0, 1)
    assert inventory.names("k8s_pods") == []


def test_another_context_is_another_matter(dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(2))
    prod.seed("pods", pods(3))
    sync(context="dev")
    before = inventory.versions()
    sync(context="prod")
    dev.delete("pods", "web-0000", "default")
    dev.delete("pods", "web-0001", "default")
    sync(context="dev")

    assert {row["context_name"] for row in inventory.rows("k8s_pods")} == {"prod"}
    assert len(before) == 2


def test_every_row_says_which_cluster_it_is_of(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    report = sync()
    identity = dev.get("namespaces", "kube-system")["metadata"]["uid"]

    assert report.cluster_uid == identity
    assert inventory.row("k8s_pods", "web")["cluster_uid"] == identity


@pytest.mark.parametrize("first", [True, False])
def test_whether_the_object_is_stored_can_be_switched(
    first: bool, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(2))
    sync(store_object=first)
    stored = [row["object"] is not None for row in inventory.rows("k8s_pods")]
    switched = sync(store_object=not first)
    again = sync(store_object=not first)

    assert stored == [first, first]
    assert [row["object"] is not None for row in inventory.rows("k8s_pods")] == [not first, not first]
    assert counts(switched) == (2, 0, 2, 0, 0)
    assert counts(again) == (2, 0, 0, 2, 0)


def test_an_alias_is_the_same_scope(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    reports = [sync(name) for name in ("pods", "po", "POD")]

    assert {report.resource for report in reports} == {"pods"}
    assert [report.inserted for report in reports] == [1, 0, 0]
    assert {row["resource"] for row in inventory.ledger()} == {"pods"}


def test_objects_are_compressed_by_lz4_or_not_at_all(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    known = inventory.query("SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'")[0]["enumvals"]
    for number in range(2):
        dev.seed("pods", [pod(f"web-{number}") | {"status": {"message": "long " * 5000}}])
        sync()

    used = {row["used"] for row in inventory.query("SELECT pg_column_compression(object) AS used FROM k8s_pods")}
    assert used == {"lz4" if "lz4" in known else None}
