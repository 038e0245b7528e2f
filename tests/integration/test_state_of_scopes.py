"""The state of a scope decides how it may be read: in doubt, whole."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Rule, Simulator, User

from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.postgres import scopes
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, named, pod, pods, widget_definition
from tests.kit.syncer import Syncer
from tests.kit.waiting import wait_until

CHEAP = pytest.mark.parametrize("mode", ["metadata", "delta"])


@pytest.fixture
def synced_dev(dev: Cluster, sync: Syncer) -> Cluster:
    """A cluster with three pods, which were synced."""
    dev.seed("pods", pods(3))
    assert sync().status == "success"
    return dev


def client_of_another_cluster(sync: Syncer) -> Client:
    """A client of the context dev that finds another cluster there."""
    return Client(replace(sync.client("prod").context, name="dev"), backoff=0)


@CHEAP
def test_the_first_sync_reads_all(mode: str, dev: Cluster, sync: Syncer) -> None:
    dev.seed("pods", pods(3))
    report = sync(mode=mode)

    assert (report.mode, report.inserted) == ("full", 3)
    assert report.fallback == "no sync before this one was complete at one resourceVersion"
    assert sync(mode=mode).mode == mode


@CHEAP
def test_without_its_state_all_is_read(mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    inventory.query("TRUNCATE k8s_scopes")

    assert [sync(mode=mode).mode for _ in range(2)] == ["full", mode]


@CHEAP
def test_syncs_that_failed_do_not_count(mode: str, simulator: Simulator, synced_dev: Cluster, sync: Syncer) -> None:
    simulator.stop("dev")
    assert sync(mode=mode).status == "unreachable"
    simulator.start("dev")

    assert sync(mode=mode).mode == mode


@CHEAP
@pytest.mark.parametrize("settings", [{"store_object": False}, {"on_delete": "mark"}], ids=str)
def test_rows_of_another_format_are_read_whole(
    settings: dict[str, Any], mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    modes = [sync(mode=mode, **other).mode for other in (settings, settings, {}, {})]

    assert modes == ["full", mode, "full", mode]


@CHEAP
def test_objects_come_and_go_with_the_setting(
    mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(mode=mode, store_object=False)
    assert all(row["object"] is None for row in inventory.rows("k8s_pods"))
    report = sync(mode=mode)

    assert all(row["object"] is not None for row in inventory.rows("k8s_pods"))
    assert report.fallback is not None
    assert report.fallback.endswith("without object, not " + (inventory.last()["row_format"] or ""))


@CHEAP
def test_marked_rows_go_when_rows_are_deleted_again(
    mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(mode=mode, on_delete="mark")
    synced_dev.delete("pods", "web-0001", "default")
    assert sync(mode=mode, on_delete="mark").mode == mode
    assert inventory.count("k8s_pods") == 3
    sync(mode=mode)

    assert inventory.names("k8s_pods") == ["web-0000", "web-0002"]


@CHEAP
def test_rows_of_another_version_of_this_package_are_read_whole(
    mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    inventory.query("UPDATE k8s_scopes SET row_format = '0.0.1 v1'")
    report = sync(mode=mode)

    assert report.mode == "full"
    assert (report.fallback or "").startswith("the rows were made by 0.0.1 v1, not ")


@CHEAP
def test_rows_that_another_scope_made_otherwise_are_read_whole(
    mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(namespaces=("default",), store_object=False)
    report = sync(mode=mode)

    assert report.mode == "full"
    assert all(row["object"] is not None for row in inventory.rows("k8s_pods"))
    assert sync(mode=mode).mode == mode


@CHEAP
def test_what_a_scope_did_that_shares_no_rows_is_no_matter(mode: str, synced_dev: Cluster, sync: Syncer) -> None:
    sync(namespaces=("default",))
    sync(namespaces=("kube-public",), store_object=False)

    assert sync(mode=mode, namespaces=("default",)).mode == mode


@pytest.mark.parametrize("first", [(), ("default",)], ids=["all", "some"])
def test_a_scope_knows_that_another_one_wrote_its_rows_otherwise(
    first: tuple[str, ...], synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    second = () if first else ("default",)
    sync(namespaces=first)
    sync(namespaces=second, store_object=False)
    (other,) = [row for row in inventory.rows("k8s_scopes", "selection") if row["namespaces"] == (list(first) or None)]

    assert other["invalid_reason"] == (
        f"a sync of pods{' (default)' if second else ''} has since written rows of another cluster or row format"
    )
    assert sync(mode="metadata", namespaces=first).fallback == other["invalid_reason"]
    assert sync(mode="metadata", namespaces=first).mode == "metadata"
    assert sync(mode="metadata", namespaces=second, store_object=False).mode == "full"


@CHEAP
def test_a_scope_goes_on_when_another_one_wrote_its_rows_as_it_does(
    mode: str, synced_dev: Cluster, sync: Syncer
) -> None:
    sync(namespaces=("default",))
    synced_dev.delete("pods", "web-0001", "default")
    assert sync().deleted == 1
    report = sync(mode=mode, namespaces=("default",), verify_every=0)

    assert (report.status, report.seen) == ("success", 2)
    assert report.mode != "full"


@CHEAP
def test_a_sync_that_failed_invalidates_nothing(
    mode: str, synced_dev: Cluster, sync: Syncer, simulator: Simulator
) -> None:
    simulator.stop("dev")
    assert sync(namespaces=("default",), store_object=False).status == "unreachable"
    simulator.start("dev")

    assert sync(mode=mode).mode == mode


@CHEAP
def test_another_cluster_behind_the_context_is_read_whole(
    mode: str, synced_dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    prod.seed("pods", [pod("other")])
    report = sync(mode=mode, client=client_of_another_cluster(sync), accept_new_cluster=True)

    assert (report.mode, report.inserted, report.deleted) == ("full", 1, 3)
    assert report.fallback == "the rows may be of another cluster"
    assert inventory.names("k8s_pods") == ["other"]


@CHEAP
def test_a_scope_that_was_elsewhere_in_between_is_read_whole(
    mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    assert sync(namespaces=("default",), client=client_of_another_cluster(sync), accept_new_cluster=True).deleted == 3
    report = sync(mode=mode)

    assert (report.mode, report.inserted) == ("full", 3)
    assert inventory.count("k8s_pods") == 3


def test_without_its_identity_a_cluster_is_not_read_by_its_changes(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.add_user(User(name="admin", groups=(), allowed=(Rule(resources=("pods",)),)))
    dev.seed("pods", pods(3))
    sync()
    report = sync(mode="delta")

    assert (report.mode, report.cluster_uid) == ("metadata", None)
    assert report.fallback == "nothing tells that this is the cluster it was before"


@CHEAP
def test_an_identity_that_becomes_known_is_written_into_every_row(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    dev.add_user(User(name="admin", groups=(), allowed=(Rule(resources=("pods",)),)))
    sync()
    dev.add_user(User(name="admin"))
    report = sync(mode=mode)

    assert (report.mode, report.updated) == ("full", 3)
    assert {row["cluster_uid"] for row in inventory.rows("k8s_pods")} == {report.cluster_uid}


@CHEAP
def test_a_custom_resource_of_another_version_is_read_whole(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", widget_definition(versions=("v1beta1",)))
    dev.create(WIDGETS, named("one", "default"), "default")
    sync(WIDGETS)
    dev.replace("crd", widget_definition(versions=("v1beta1", "v1")))
    report = sync(WIDGETS, mode=mode)

    assert (report.mode, report.updated) == ("full", 1)
    assert inventory.row("k8s_custom_resources", "one")["api_version"] == "v1"
    assert inventory.row("k8s_custom_resources", "one")["object"]["apiVersion"] == "example.com/v1"


@CHEAP
def test_a_resource_that_was_absent_is_read_whole(mode: str, dev: Cluster, sync: Syncer) -> None:
    assert sync(WIDGETS).status == "absent"
    dev.create("crd", widget_definition())
    dev.create(WIDGETS, named("one", "default"), "default")
    report = sync(WIDGETS, mode=mode)

    assert (report.mode, report.inserted) == ("full", 1)


@CHEAP
def test_a_cluster_is_always_read_whole(mode: str, sync: Syncer) -> None:
    reports = [sync("clusters", mode=mode) for _ in range(2)]

    assert [(report.mode, report.fallback) for report in reports] == [("full", None)] * 2


def test_full_is_full(synced_dev: Cluster, sync: Syncer) -> None:
    report = sync(mode="full")

    assert (report.mode, report.fallback) == ("full", None)


@pytest.mark.parametrize(("page_size", "mode"), [(3, "full"), (2, "metadata")])
def test_a_scope_of_one_page_is_read_whole_and_a_bigger_one_by_its_metadata(
    page_size: int, mode: str, synced_dev: Cluster, sync: Syncer
) -> None:
    report = sync(page_size=page_size)

    assert (report.mode, report.fallback) == (mode, None)


def test_a_scope_of_very_many_rows_is_read_by_its_changes(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    sync()
    # Rows are counted, and a delta does not look at those that did not change.
    inventory.query(
        "INSERT INTO k8s_pods (context_name, cluster_uid, uid, name, namespace, labels, annotations, first_seen_at,"
        " changed_at) SELECT context_name, cluster_uid, uid || n, name, namespace, '{}', '{}', now(), now()"
        " FROM (SELECT * FROM k8s_pods LIMIT 1) AS p, generate_series(1, 50000) AS n"
    )
    inventory.query("UPDATE k8s_scopes SET rows = 50003")

    assert sync().mode == "delta"


@pytest.mark.parametrize("act", [Cluster.compact, lambda _: None], ids=["compacted", "remembered"])
def test_a_server_that_was_restarted_is_read_on(
    act: Callable[[Cluster], None], synced_dev: Cluster, simulator: Simulator, sync: Syncer, inventory: Inventory
) -> None:
    synced_dev.delete("pods", "web-0001", "default")
    act(synced_dev)
    simulator.stop("dev")
    simulator.start("dev")
    report = sync(mode="delta")

    assert (report.status, report.deleted) == ("success", 1)
    assert inventory.names("k8s_pods") == ["web-0000", "web-0002"]


def test_syncs_that_share_no_rows_may_invalidate_the_same_scopes_side_by_side(
    synced_dev: Cluster, sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    some: list[tuple[str, ...]] = [(), ("a", "b"), ("a",), ("b",)]
    reports = [sync("services", namespaces=namespaces) for namespaces in some]
    one, other = (replace(report, row_format="another") for report in reports[2:])
    with (
        psycopg.connect(migrated_database) as first,
        psycopg.connect(migrated_database) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        scopes.update(first.cursor(), "public", one)
        # It waits for the rows that the first one has changed.
        waiting = pool.submit(scopes.update, second.cursor(), "public", other)
        waits = "SELECT pid FROM pg_locks WHERE NOT granted"
        wait_until(lambda: waiting.done() or bool(inventory.query(waits)), "the second one to wait")
        assert not waiting.done()
        first.commit()
        waiting.result(10)
        second.commit()

    rows = inventory.query("SELECT selection, invalid_reason FROM k8s_scopes WHERE resource = 'services' ORDER BY 1")
    assert [(row["selection"], row["invalid_reason"] is not None) for row in rows] == [
        ("", True),
        ("a", False),
        ("a, b", True),
        ("b", False),
    ]
