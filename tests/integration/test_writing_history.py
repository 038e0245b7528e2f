"""History says what was there before each change, in every mode, and nothing of what did not happen."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator

from airflow_provider_k8s_inventory.resources.histories import Histories
from tests.kit.agreement import MODES
from tests.kit.inventory import Inventory, Row
from tests.kit.objects import WIDGETS, named, node, pod, pods, widget_definition
from tests.kit.syncer import Syncer
from tests.kit.waiting import wait_until

EVERY_MODE = pytest.mark.parametrize("mode", MODES)


def history(inventory: Inventory) -> list[Row]:
    return inventory.rows("k8s_history", "id")


def changes(inventory: Inventory) -> list[tuple[str, str]]:
    return [(row["change"], row["name"]) for row in history(inventory)]


@pytest.fixture
def synced(dev: Cluster, sync: Syncer) -> Cluster:
    """A cluster whose three pods were synced."""
    dev.seed("pods", pods(3))
    assert sync().status == "success"
    return dev


def test_a_first_sync_writes_none(synced: Cluster, inventory: Inventory) -> None:
    assert history(inventory) == []
    assert (inventory.last()["changes"], inventory.last()["noise"]) == (0, 0)


@EVERY_MODE
def test_each_change_is_a_row(mode: str, synced: Cluster, sync: Syncer, inventory: Inventory) -> None:
    before = {row["name"]: row for row in inventory.rows("k8s_pods")}
    synced.patch("pods", "web-0001", {"status": {"phase": "Failed"}}, "default")
    synced.delete("pods", "web-0002", "default")
    synced.create("pods", pod("new"), "default")
    report = sync(mode=mode)
    rows = {row["name"]: row for row in history(inventory)}

    assert {name: row["change"] for name, row in rows.items()} == {
        "web-0001": "updated",
        "web-0002": "deleted",
        "new": "created",
    }
    assert (report.mode, report.changes, report.noise) == (mode, 3, 0)
    updated, deleted, created = rows["web-0001"], rows["web-0002"], rows["new"]
    assert updated["columns"] == {
        name: before["web-0001"][name] for name in ("phase", "status", "problem", "resource_version")
    }
    assert [["status", "phase"], "Running"] in updated["patch"]
    assert updated["changed_at"] == before["web-0001"]["changed_at"]
    assert updated["summary"] == "Failed, status Running → Failed"
    assert deleted["patch"] == [[[], before["web-0002"]["object"]]]
    assert set(deleted["columns"]) == before["web-0002"].keys() - {"object"}
    assert (created["columns"], created["patch"], created["changed_at"]) == (None, None, None)
    assert created["uid"] == inventory.row("k8s_pods", "new")["uid"]


@EVERY_MODE
def test_a_change_is_after_one_sync_and_not_later_than_the_next(
    mode: str, synced: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    began = inventory.last()["started_at"]
    synced.patch("pods", "web-0001", {"metadata": {"labels": {"a": "b"}}}, "default")
    sync(mode=mode)
    (row,) = history(inventory)

    assert row["before_at"] == began
    assert row["at"] == inventory.row("k8s_pods", "web-0001")["changed_at"] <= inventory.last()["finished_at"]
    assert row["sync_id"] == inventory.last()["id"]


@EVERY_MODE
@pytest.mark.parametrize("on_delete", ["delete", "mark"])
def test_an_object_of_a_name_that_was_there_is_recreated(
    on_delete: str, mode: str, synced: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(on_delete=on_delete)
    synced.delete("pods", "web-0001", "default")
    synced.seed("pods", [named("web-0001", "default", uid="another")])
    sync(mode=mode, on_delete=on_delete)
    synced.delete("pods", "web-0002", "default")
    sync(mode=mode, on_delete=on_delete)
    synced.seed("pods", [named("web-0002", "default", uid="later")])
    sync(mode=mode, on_delete=on_delete)

    assert changes(inventory) == [
        ("deleted", "web-0001"),
        ("recreated", "web-0001"),
        ("deleted", "web-0002"),
        ("recreated", "web-0002"),
    ]


@EVERY_MODE
def test_a_marked_row_whose_object_is_there_again_is_recreated(
    mode: str, synced: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(on_delete="mark")
    (again,) = [each for each in synced.objects("pods") if each["metadata"]["name"] == "web-0001"]
    synced.delete("pods", "web-0001", "default")
    sync(mode=mode, on_delete="mark")
    synced.seed("pods", [again])
    sync(mode=mode, on_delete="mark")

    assert changes(inventory) == [("deleted", "web-0001"), ("recreated", "web-0001")]
    assert len({row["uid"] for row in history(inventory)}) == 1
    # They go for good, which history has said.
    synced.delete("pods", "web-0001", "default")
    sync(mode=mode, on_delete="mark")
    sync(mode="full", on_delete="delete")
    assert changes(inventory)[2:] == [("deleted", "web-0001")]


@EVERY_MODE
def test_who_left_the_selection_is_unselected(mode: str, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [named(name, "default", labels={"app": "web"}) for name in ("a", "b")])
    sync(labels=("app=web",))
    dev.patch("pods", "a", {"metadata": {"labels": {"app": "db"}}}, "default")
    dev.delete("pods", "b", "default")
    sync(mode=mode, labels=("app=web",))

    assert sorted(changes(inventory)) == [("deleted", "b"), ("unselected", "a")]
    left = next(row for row in history(inventory) if row["change"] == "unselected")
    assert left["columns"]["labels"] == {"app": "web"}


@EVERY_MODE
def test_noise_updates_the_row_and_is_counted(mode: str, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    conditions = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}]
    dev.seed("nodes", [node(name) | {"status": {"conditions": conditions}} for name in ("quiet", "busy")])
    sync("nodes")
    beat = [conditions[0] | {"lastHeartbeatTime": "2026-01-01T00:05:00Z"}]
    dev.patch("nodes", "quiet", {"status": {"conditions": beat}})
    dev.patch("nodes", "busy", {"status": {"conditions": beat}, "spec": {"unschedulable": True}})
    report = sync("nodes", mode=mode)
    (row,) = history(inventory)

    assert (report.updated, report.changes, report.noise) == (2, 1, 1)
    assert inventory.row("k8s_nodes", "quiet")["object"]["status"]["conditions"] == beat
    # What is written is written whole.
    assert row["name"] == "busy"
    assert [["status", "conditions", 0, "lastHeartbeatTime"], "2026-01-01T00:00:00Z"] in row["patch"]
    assert row["summary"] == "status Ready → Ready,SchedulingDisabled, unschedulable false → true"


@EVERY_MODE
def test_with_no_rules_every_change_is_written(mode: str, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("nodes", [node("node-1")])
    sync("nodes", histories=Histories(("exact",)))
    dev.patch("nodes", "node-1", {"metadata": {"generation": 7}})
    report = sync("nodes", mode=mode, histories=Histories(("exact",)))

    assert (report.changes, report.noise) == (1, 0)


@EVERY_MODE
def test_without_objects_history_has_the_columns(mode: str, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    sync(store_object=False)
    dev.patch("pods", "web-0000", {"spec": {"hostname": "of no column"}}, "default")
    dev.patch("pods", "web-0001", {"status": {"phase": "Failed"}}, "default")
    dev.delete("pods", "web-0002", "default")
    report = sync(mode=mode, store_object=False)
    rows = {row["name"]: row for row in history(inventory)}

    assert rows.keys() == {"web-0001", "web-0002"}
    assert rows["web-0001"]["columns"]["phase"] == "Running"
    assert all(row["patch"] is None for row in rows.values())
    assert (report.changes, report.noise) == (2, 1)


def test_resources_that_change_all_the_time_have_none(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("leases", [named("leader", "default")])
    sync("leases")
    dev.delete("leases", "leader", "default")
    report = sync("leases")

    assert (report.deleted, report.changes, report.noise) == (1, None, None)
    assert history(inventory) == []
    assert inventory.rows("k8s_scopes", "resource")[0]["history_since"] is None


def test_custom_resources_have_it_under_their_names(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("crds", [widget_definition()])
    dev.seed(WIDGETS, [named("one", "default", annotations={"a/b.c": "1"})])
    sync(WIDGETS)
    dev.patch(WIDGETS, "one", {"metadata": {"annotations": {"a/b.c": None, 'x"y': ""}}}, "default")
    sync(WIDGETS)
    (row,) = history(inventory)

    assert (row["resource"], row["change"], row["namespace"]) == (WIDGETS, "updated", "default")
    assert row["summary"] == 'annotations -a/b.c +x"y'


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="/api/v1/pods$", status=500, times=None),
        Fault(path="/api/v1/pods$", query={"continue": "."}, truncate=100, times=None),
    ],
    ids=["a server error", "half a list"],
)
def test_a_failed_sync_leaves_none(
    fault: Fault, simulator: Simulator, synced: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    synced.delete("pods", "web-0001", "default")
    synced.inject(fault)
    assert not sync(mode="full", page_size=1).good

    assert history(inventory) == []


def test_a_refused_sync_leaves_none(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(120))
    sync()
    for number in range(120):
        dev.delete("pods", f"web-{number:04}", "default")
    assert sync().status == "refused"

    assert history(inventory) == []
    assert sync(allow_mass_delete=True).changes == 120
    assert len(history(inventory)) == 120


@pytest.mark.parametrize("was", [{"store_object": False}, {}], ids=["without objects", "of another version"])
def test_rows_that_are_made_in_another_way_are_no_history(
    was: dict[str, Any], dev: Cluster, sync: Syncer, inventory: Inventory, caplog: pytest.LogCaptureFixture
) -> None:
    dev.seed("pods", pods(3))
    sync(**was)
    inventory.query("UPDATE k8s_pods SET qos_class = 'of an older version'")
    inventory.query("UPDATE k8s_scopes SET row_format = '0.0.1 v1'")
    dev.patch("pods", "web-0001", {"status": {"phase": "Failed"}}, "default")
    with caplog.at_level(logging.INFO):
        report = sync()

    assert (report.updated, report.changes) == (3, 1)
    assert "2 rows were made in another way of objects that did not change, which is no history" in caplog.text
    assert changes(inventory) == [("updated", "web-0001")]


def test_history_is_known_since_it_is_kept(synced: Cluster, sync: Syncer, inventory: Inventory) -> None:
    def since() -> Any:
        (row,) = inventory.rows("k8s_scopes", "resource")
        return row["history_since"]

    first = since()
    assert first == inventory.last()["finished_at"]
    sync()
    assert since() == first
    off = sync(histories=Histories(("off",)))
    assert (since(), off.changes) == (None, None)
    # The rows are those of that sync, so all that changed since is known.
    synced.delete("pods", "web-0001", "default")
    sync()
    assert since() == off.finished_at
    assert changes(inventory) == [("deleted", "web-0001")]


@pytest.mark.alters_database
def test_who_follows_the_ids_misses_nothing_of_a_late_commit(
    dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    """A sync that holds its rows back keeps others from committing rows above them."""
    for cluster in (dev, prod):
        cluster.seed("pods", pods(2))
    for context in ("dev", "prod"):
        sync(context=context)
        {"dev": dev, "prod": prod}[context].delete("pods", "web-0001", "default")
    inventory.query(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.context_name = 'dev' THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER wait AFTER INSERT ON k8s_history FOR EACH ROW EXECUTE FUNCTION wait()"
    )
    with psycopg.connect(sync.dsn, autocommit=True) as holder, ThreadPoolExecutor() as executor:
        holder.execute("SELECT pg_advisory_lock(4711)")
        late = executor.submit(sync, context="dev")
        wait_until(lambda: waiting(inventory) == 1, "the first sync to write its history")
        other = executor.submit(sync, context="prod")
        wait_until(lambda: waiting(inventory) == 2, "the second sync to want to")
        assert history(inventory) == []
        holder.execute("SELECT pg_advisory_unlock(4711)")
        assert late.result().status == other.result().status == "success"

    assert [row["context_name"] for row in history(inventory)] == ["dev", "prod"]


def waiting(inventory: Inventory) -> int:
    (row,) = inventory.query("SELECT count(*) AS them FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    count: int = row["them"]
    return count
