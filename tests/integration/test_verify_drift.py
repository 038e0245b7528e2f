"""Now and then a scope that is read by its changes is compared with all metadata: what then differs is drift."""

from __future__ import annotations

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from tests.kit.interrupted import Interrupted
from tests.kit.inventory import Inventory
from tests.kit.objects import pod, pods
from tests.kit.syncer import Syncer


@pytest.fixture
def synced_dev(dev: Cluster, sync: Syncer) -> Cluster:
    """A cluster with three pods, which were synced."""
    dev.seed("pods", pods(3))
    assert sync().status == "success"
    return dev


def label(cluster: Cluster, name: str = "web-0000", **labels: str) -> None:
    cluster.patch("pods", name, {"metadata": {"labels": labels}}, "default")


def swap_a_row(inventory: Inventory) -> None:
    """Remove the row of web-0001 by hand, and add one that there is no object of: there are as many as before."""
    inventory.query("UPDATE k8s_pods SET uid = 'ghost', name = 'ghost' WHERE name = 'web-0001'")


def test_rows_changed_by_hand_are_found_and_put_right(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    swap_a_row(inventory)
    report = sync(mode="delta", verify_every=1)

    assert (report.mode, report.drift, report.inserted, report.deleted, report.seen) == ("delta", 2, 1, 1, 3)
    assert report.warnings == ("2 rows differed from the cluster though every change had been applied",)
    assert inventory.last()["drift"] == 2
    assert inventory.names("k8s_pods") == ["web-0000", "web-0001", "web-0002"]


@pytest.mark.parametrize("verify_every", [0, 1])
def test_a_row_removed_by_hand_is_missed_at_once(
    verify_every: int, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    inventory.query("DELETE FROM k8s_pods WHERE name = 'web-0001'")
    report = sync(mode="delta", verify_every=verify_every)

    assert (report.mode, report.inserted, report.seen) == ("metadata", 1, 3)
    assert report.fallback == "there are 2 rows, and the last sync left 3"
    assert inventory.names("k8s_pods") == ["web-0000", "web-0001", "web-0002"]
    assert sync(mode="delta", verify_every=0).mode == "delta"


def test_a_row_of_another_state_is_found_and_corrected(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    inventory.query("UPDATE k8s_pods SET resource_version = '0', labels = '{\"a\": \"b\"}' WHERE name = 'web-0001'")
    report = sync(mode="delta", verify_every=1)

    assert (report.drift, report.updated, report.unchanged) == (1, 1, 2)
    assert inventory.row("k8s_pods", "web-0001")["labels"] == {}


def test_changes_are_no_drift(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    label(synced_dev, tier="front")
    synced_dev.create("pods", pod("new"))
    synced_dev.delete("pods", "web-0001", "default")
    report = sync(mode="delta", verify_every=1)

    assert (report.mode, report.drift, report.warnings) == ("delta", 0, ())
    assert (report.seen, report.inserted, report.updated, report.unchanged, report.deleted) == (3, 1, 1, 1, 1)


def test_what_happens_between_changes_and_check_is_no_drift(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    label(synced_dev, tier="front")
    proven = str(synced_dev.resource_version)

    def busy() -> None:
        label(synced_dev, "web-0001", tier="back")
        synced_dev.create("pods", pod("late"))
        synced_dev.delete("pods", "web-0002", "default")

    client = Interrupted(sync.client().context, "resourceVersionMatch=Exact", busy)
    report = sync(mode="delta", verify_every=1, client=client)

    assert client.left == 0
    assert (report.mode, report.drift, report.resource_version) == ("delta", 0, proven)
    assert inventory.names("k8s_pods") == ["web-0000", "web-0001", "web-0002"]
    report = sync(mode="delta", verify_every=1)
    assert (report.drift, report.inserted, report.updated, report.deleted) == (0, 1, 1, 1)


def test_drift_is_told_apart_from_changes(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    label(synced_dev, tier="front")
    swap_a_row(inventory)
    report = sync(mode="delta", verify_every=1)

    assert (report.drift, report.inserted, report.updated, report.deleted) == (2, 1, 1, 1)


def test_without_checks_drift_stays(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    swap_a_row(inventory)
    inventory.query("UPDATE k8s_scopes SET verified_at = verified_at - interval '2 days'")
    report = sync(mode="delta", verify_every=0)

    assert (report.drift, report.inserted) == (None, 0)
    assert "ghost" in inventory.names("k8s_pods")


def test_one_in_so_many_syncs_checks(synced_dev: Cluster, sync: Syncer) -> None:
    drifts = [sync(mode="delta", verify_every=3).drift for _ in range(7)]

    assert drifts == [None, None, 0, None, None, 0, None]


@pytest.mark.parametrize("mode", ["full", "metadata"])
def test_every_other_way_to_read_is_a_check_too(mode: str, synced_dev: Cluster, sync: Syncer) -> None:
    for _ in range(2):
        assert sync(mode="delta", verify_every=3).drift is None
    sync(mode=mode)

    assert [sync(mode="delta", verify_every=3).drift for _ in range(3)] == [None, None, 0]


def test_a_sync_that_fails_is_no_check_and_does_not_count(synced_dev: Cluster, sync: Syncer) -> None:
    sync(mode="delta", verify_every=3)
    synced_dev.inject(Fault(path="/pods$", status=401, times=1))
    assert sync(mode="delta", verify_every=3).status == "unauthorized"

    assert [sync(mode="delta", verify_every=3).drift for _ in range(2)] == [None, 0]


def test_once_a_day_one_checks(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    assert sync(mode="delta").drift is None
    inventory.query("UPDATE k8s_scopes SET verified_at = verified_at - interval '25 hours'")

    assert [sync(mode="delta").drift for _ in range(2)] == [0, None]


def test_a_check_that_comes_too_late_leaves_it_to_metadata(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    label(synced_dev, tier="front")
    swap_a_row(inventory)

    def forget() -> None:
        synced_dev.create("configmaps", {"metadata": {"generateName": "other-"}}, "default")
        synced_dev.compact()

    client = Interrupted(sync.client().context, "resourceVersionMatch=Exact", forget)
    report = sync(mode="delta", verify_every=1, client=client)

    assert (report.status, report.mode, report.drift, report.warnings) == ("success", "metadata", None, ())
    assert (report.inserted, report.updated, report.deleted, report.seen) == (1, 1, 1, 3)
    assert inventory.names("k8s_pods") == ["web-0000", "web-0001", "web-0002"]


def test_much_drift_is_read_whole(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(60))
    sync()
    inventory.query("UPDATE k8s_pods SET resource_version = '0' WHERE name <> 'web-0007'")
    report = sync(mode="delta", verify_every=1)

    assert (report.status, report.mode, report.drift, report.updated) == ("success", "full", 59, 59)
    assert "more than 50 of 60 objects differ" in (report.fallback or "")
    assert {row["resource_version"] for row in inventory.rows("k8s_pods")} != {"0"}


def test_a_check_that_would_delete_too_much_is_refused(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(20))
    sync()
    inventory.query(
        "INSERT INTO k8s_pods (context_name, cluster_uid, uid, name, namespace, labels, annotations, first_seen_at,"
        " changed_at) SELECT context_name, cluster_uid, uid || n, name, namespace, '{}', '{}', now(), now()"
        " FROM k8s_pods, generate_series(1, 10) AS n"
    )
    inventory.query("UPDATE k8s_scopes SET rows = 220")
    before = inventory.versions()

    assert sync(mode="delta", verify_every=1).status == "refused"
    assert inventory.versions() == before


@pytest.mark.parametrize("mode", ["full", "metadata"])
def test_the_other_ways_find_drift_at_once(mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    inventory.query("DELETE FROM k8s_pods WHERE name = 'web-0001'")

    assert (sync(mode=mode).inserted, inventory.count("k8s_pods")) == (1, 3)


def test_marked_rows_are_no_drift(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync(on_delete="mark")
    synced_dev.delete("pods", "web-0001", "default")
    drifts = [sync(mode="delta", on_delete="mark", verify_every=1).drift for _ in range(2)]

    assert drifts == [0, 0]
    assert inventory.row("k8s_pods", "web-0001")["deleted_at"] is not None


def test_a_read_for_a_check_may_find_another_object(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    inventory.query("UPDATE k8s_pods SET resource_version = '0' WHERE name = 'web-0001'")

    def take_over() -> None:
        synced_dev.delete("pods", "web-0001", "default")
        synced_dev.create("pods", pod("web-0001", phase="Pending"))

    client = Interrupted(sync.client().context, "web-0001", take_over)
    reports = [sync(mode="delta", verify_every=1, client=client), sync(mode="delta", verify_every=1)]

    assert [(report.mode, report.drift) for report in reports] == [("delta", 2), ("delta", 0)]
    assert inventory.row("k8s_pods", "web-0001")["phase"] == "Pending"
    assert inventory.count("k8s_pods") == 3


def test_a_check_reads_no_object_that_is_as_its_row_says(synced_dev: Cluster, sync: Syncer) -> None:
    synced_dev.requests.clear()
    sync(mode="delta", verify_every=1)

    assert {request.query.get("fieldSelector") for request in synced_dev.requests} == {None, "metadata.name=-"}
