"""Delta mode: only what changed since the last sync is read, and only a proof that all of it came ends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from tests.kit.interrupted import Interrupted
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, named, pod, pods, widget_definition
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.alters_database


@pytest.fixture
def synced_dev(dev: Cluster, sync: Syncer) -> Cluster:
    """A cluster with three pods, which were synced; its bookmarks come at once."""
    dev.seed("pods", pods(3))
    assert sync().status == "success"
    dev.requests.clear()
    return dev


def label(cluster: Cluster, name: str = "web-0000", **labels: str) -> None:
    cluster.patch("pods", name, {"metadata": {"labels": labels}}, "default")


def change_something_else(cluster: Cluster) -> None:
    """A change of something else, so that the resourceVersion of pods goes on and only a bookmark tells."""
    cluster.create("configmaps", {"metadata": {"generateName": "other-"}}, "default")


def verbs_for_pods(cluster: Cluster) -> list[str]:
    """The verbs of what was asked about pods."""
    return [request.verb for request in cluster.requests if request.path.endswith("/pods")]


def test_only_what_changed_is_read(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    label(synced_dev, tier="front")
    synced_dev.create("pods", pod("new"))
    synced_dev.delete("pods", "web-0002", "default")
    change_something_else(synced_dev)
    report = sync(mode="delta", verify_every=0)

    assert (report.mode, report.fallback, report.drift) == ("delta", None, None)
    assert (report.seen, report.inserted, report.updated, report.unchanged, report.deleted) == (3, 1, 1, 1, 1)
    assert inventory.names("k8s_pods") == ["new", "web-0000", "web-0001"]
    assert inventory.row("k8s_pods", "web-0000")["labels"] == {"tier": "front"}
    assert verbs_for_pods(synced_dev) == ["list", "watch"]


def test_the_watch_resumes_where_the_last_sync_ended(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    since = inventory.last()["resource_version"]
    label(synced_dev, tier="front")
    sync(mode="delta", verify_every=0)
    (watch,) = [request for request in synced_dev.requests if request.verb == "watch"]

    assert watch.query["resourceVersion"] == since
    assert inventory.last()["resource_version"] == str(synced_dev.resource_version)


def test_nothing_changed_anywhere_needs_no_watch(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    before = inventory.versions()
    report = sync(mode="delta", verify_every=0)

    assert (report.mode, report.seen, report.unchanged) == ("delta", 3, 3)
    assert inventory.versions() == before
    assert verbs_for_pods(synced_dev) == ["list"]


def test_a_bookmark_proves_that_nothing_changed_here(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    before = inventory.versions()
    change_something_else(synced_dev)
    report = sync(mode="delta", verify_every=0)

    assert (report.mode, report.seen, report.unchanged) == ("delta", 3, 3)
    assert report.resource_version == str(synced_dev.resource_version)
    assert inventory.versions() == before


def test_the_last_state_of_many_counts(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    for number in range(300):
        label(synced_dev, number=str(number))
    report = sync(mode="delta", verify_every=0)

    assert (report.mode, report.updated, report.unchanged) == ("delta", 1, 2)
    assert inventory.row("k8s_pods", "web-0000")["labels"] == {"number": "299"}


def test_what_came_and_went_leaves_no_trace(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    before = inventory.versions()
    synced_dev.create("pods", pod("short"))
    label(synced_dev, "short", tier="front")
    synced_dev.delete("pods", "short", "default")
    report = sync(mode="delta", verify_every=0)

    assert (report.mode, report.seen, report.inserted, report.deleted) == ("delta", 3, 0, 0)
    assert inventory.versions() == before


def test_what_changed_before_it_went_is_gone(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    label(synced_dev, tier="front")
    synced_dev.delete("pods", "web-0000", "default")

    assert sync(mode="delta", verify_every=0).deleted == 1
    assert inventory.names("k8s_pods") == ["web-0001", "web-0002"]


def test_an_object_that_takes_a_name_is_a_row_of_its_own(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    old = inventory.row("k8s_pods", "web-0000")["uid"]
    for phase in ("Pending", "Running", "Failed"):
        synced_dev.delete("pods", "web-0000", "default")
        synced_dev.create("pods", pod("web-0000", phase=phase))
    report = sync(mode="delta", verify_every=0)

    row = inventory.row("k8s_pods", "web-0000")
    assert (row["uid"] != old, row["phase"]) == (True, "Failed")
    assert (report.seen, report.inserted, report.deleted) == (3, 1, 1)


def test_an_object_that_returns_keeps_its_row(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    # No API server gives a UID twice, but an aggregated one may put objects back.
    change_something_else(synced_dev)
    returned = synced_dev.get("pods", "web-0001", "default")
    returned["metadata"] |= {"labels": {"tier": "back"}, "resourceVersion": str(synced_dev.resource_version)}
    events = ({"type": type_, "object": returned} for type_ in ("DELETED", "ADDED", "DELETED", "ADDED"))
    synced_dev.inject(Fault(verb="watch", body=b"".join(json.dumps(event).encode() + b"\n" for event in events)))
    report = sync(mode="delta", verify_every=0)

    assert (report.mode, report.seen, report.updated, report.deleted) == ("delta", 3, 1, 0)
    assert inventory.row("k8s_pods", "web-0001")["labels"] == {"tier": "back"}


def test_many_changes_come_in_many_pieces(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    big = "x" * 200_000
    for number in range(20):
        synced_dev.create("pods", pod(f"big-{number:04}", annotations={"a": big}))
    report = sync(mode="delta", verify_every=0)

    assert (report.mode, report.inserted, report.seen) == ("delta", 20, 23)
    assert report.pages > 2
    assert all(row["annotations"] == {"a": big} for row in inventory.rows("k8s_pods") if row["name"].startswith("big"))


def test_what_changes_while_it_watches_is_read_now_or_next_time(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    label(synced_dev, tier="front")

    def more() -> None:
        label(synced_dev, tier="back")
        synced_dev.create("pods", pod("late"))

    client = Interrupted(sync.client().context, "watch=1", more)
    reports = [sync(mode="delta", verify_every=0, client=client), sync(mode="delta", verify_every=0)]

    assert [report.mode for report in reports] == ["delta", "delta"]
    assert sum(report.inserted for report in reports) == 1
    assert inventory.row("k8s_pods", "web-0000")["labels"] == {"tier": "back"}
    assert inventory.names("k8s_pods") == ["late", "web-0000", "web-0001", "web-0002"]


def test_characters_that_postgresql_cannot_hold_are_replaced(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    synced_dev.patch("pods", "web-0000", {"metadata": {"annotations": {"a": "x\0y"}}}, "default")
    report = sync(mode="delta", verify_every=0)

    (warning,) = report.warnings
    assert warning.startswith("default/web-0000 has characters that PostgreSQL cannot hold (NUL, lone surrogates)")
    assert inventory.row("k8s_pods", "web-0000")["annotations"] == {"a": "x\ufffdy"}


def test_one_namespace_is_watched_alone(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    synced_dev.create("pods", pod("other", "kube-public"))
    sync()
    sync(namespaces=("default",))
    synced_dev.delete("pods", "other", "kube-public")
    label(synced_dev, tier="front")
    change_something_else(synced_dev)
    report = sync(namespaces=("default",), mode="delta", verify_every=0)

    assert (report.mode, report.seen, report.updated, report.deleted) == ("delta", 3, 1, 0)
    assert "other" in inventory.names("k8s_pods")
    assert sync(mode="delta", verify_every=0).deleted == 1


@pytest.mark.parametrize("on_delete", ["delete", "mark"])
def test_what_was_told_gone_one_by_one_may_be_any_number(on_delete: str, dev: Cluster, sync: Syncer) -> None:
    dev.seed("pods", pods(101))
    sync(on_delete=on_delete)
    for number in range(101):
        dev.delete("pods", f"web-{number:04}", "default")
    report = sync(mode="delta", on_delete=on_delete, verify_every=0)

    assert (report.status, report.mode, report.seen, report.deleted) == ("success", "delta", 0, 101)


def test_a_bound_holds_for_what_was_told_gone_too(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(5))
    sync()
    for number in range(3):
        dev.delete("pods", f"web-{number:04}", "default")
    before = inventory.versions()

    assert sync(mode="delta", verify_every=0, max_deletes=2).status == "refused"
    assert inventory.versions() == before
    assert sync(mode="delta", verify_every=0, max_deletes=3).deleted == 3


def test_an_event_of_another_resource_is_not_believed(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    change_something_else(synced_dev)
    uid = inventory.row("k8s_pods", "web-0000")["uid"]
    event = {
        "type": "DELETED",
        "object": {"kind": "Service", "apiVersion": "v1", "metadata": {"uid": uid, "resourceVersion": "99999"}},
    }
    synced_dev.inject(Fault(verb="watch", body=json.dumps(event).encode() + b"\n"))
    report = sync(mode="delta")

    assert (report.status, report.mode, report.deleted) == ("success", "metadata", 0)
    assert "Service of v1, and not Pod of v1" in (report.fallback or "")


def test_rows_of_what_went_can_be_marked(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync(on_delete="mark")
    synced_dev.delete("pods", "web-0001", "default")
    change_something_else(synced_dev)
    reports = [sync(mode="delta", on_delete="mark", verify_every=0) for _ in range(2)]

    assert [(report.mode, report.seen, report.deleted) for report in reports] == [("delta", 2, 1), ("delta", 2, 0)]
    assert inventory.row("k8s_pods", "web-0001")["deleted_at"] is not None
    assert inventory.row("k8s_pods", "web-0000")["deleted_at"] is None


def test_custom_resources_are_watched_too(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    synced_dev.create("crd", widget_definition())
    synced_dev.seed(WIDGETS, [named(name, "default") for name in ("one", "two")])
    sync(WIDGETS)
    synced_dev.delete(WIDGETS, "one", "default")
    report = sync(WIDGETS, mode="delta", verify_every=0)

    assert (report.mode, report.seen, report.deleted) == ("delta", 1, 1)
    assert inventory.names("k8s_custom_resources") == ["two"]


@contextmanager
def failing(inventory: Inventory, how: str) -> Iterator[None]:
    """Whoever writes a pod fails in the middle of it."""
    inventory.query(f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {how}; RETURN NEW; END $$")
    inventory.query("CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON k8s_pods EXECUTE FUNCTION fail()")
    try:
        yield
    finally:
        inventory.query("DROP FUNCTION fail CASCADE")


def test_what_was_not_committed_is_read_again(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    label(synced_dev, tier="front")
    change_something_else(synced_dev)
    with failing(inventory, "RAISE 'no room'"):
        failed = sync(mode="delta", verify_every=0)
    synced_dev.delete("pods", "web-0001", "default")
    report = sync(mode="delta", verify_every=0)

    assert (failed.status, failed.resource_version) == ("failed", None)
    assert (report.mode, report.updated, report.deleted) == ("delta", 1, 1)


def test_what_a_lost_connection_lost_is_read_again(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    known = inventory.last()["resource_version"]
    label(synced_dev, tier="front")
    change_something_else(synced_dev)
    with (
        failing(inventory, "PERFORM pg_terminate_backend(pg_backend_pid())"),
        pytest.raises(DatabaseError, match="the ledger could not be written"),
    ):
        sync(mode="delta", verify_every=0)
    assert inventory.last()["resource_version"] == known
    report = sync(mode="delta", verify_every=0)

    assert (report.mode, report.updated) == ("delta", 1)
    assert inventory.row("k8s_pods", "web-0000")["labels"] == {"tier": "front"}
