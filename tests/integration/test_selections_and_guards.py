"""Rows that leave a selection leave under the guard, and a server that does not select is found out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.resources import CATALOGUE
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, named, pod, pods, widget_definition
from tests.kit.syncer import Syncer


def labelled(name: str, **labels: str) -> dict[str, object]:
    return pod(name, labels=labels)


def test_a_selection_that_would_lose_most_rows_is_refused(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.seed("pods", [*pods(120), labelled("one", app="web")])
    sync()
    before = inventory.versions()
    report = sync(labels=("app=web",))

    assert report.status == "refused"
    assert "would delete 120 of 121 rows of k8s_pods" in str(report.reason)
    assert "were of another selection (all) than now (-l app=web)" in str(report.reason)
    assert inventory.versions() == before

    report = sync(labels=("app=web",), max_deletes=119)
    assert (report.status, inventory.versions()) == ("refused", before)
    report = sync(labels=("app=web",), allow_mass_delete=True)
    assert (report.status, report.unchanged, report.unselected, report.deleted) == ("success", 1, 120, 0)


def test_all_objects_again_replace_a_selection(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.seed("pods", [*pods(3), labelled("one", app="web")])
    sync(labels=("app=web",))
    dev.delete("pods", "one", "default")
    report = sync()

    assert (report.inserted, report.deleted, report.unselected) == (3, 1, 0)
    assert [row["selection"] for row in inventory.query("SELECT selection FROM k8s_scopes")] == [""]


def test_rows_that_are_marked_when_objects_are_gone_leave_when_they_are_not(
    sync: Syncer, inventory: Inventory, dev: Cluster
) -> None:
    dev.seed("pods", [labelled(name, app="web") for name in ("stays", "goes", "leaves")])
    selected: dict[str, Any] = {"labels": ("app=web",), "on_delete": "mark"}
    sync(**selected)
    dev.delete("pods", "goes", "default")
    dev.patch("pods", "leaves", {"metadata": {"labels": {"app": "db"}}}, "default")
    report = sync(**selected)

    assert (report.deleted, report.unselected) == (1, 1)
    rows = inventory.query("SELECT name, deleted_at IS NOT NULL AS marked FROM k8s_pods ORDER BY name")
    assert rows == [{"name": "goes", "marked": True}, {"name": "stays", "marked": False}]


def test_a_failed_sync_of_another_selector_replaces_nothing(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.seed("pods", [labelled("one", app="web"), labelled("two", app="web")])
    sync(labels=("app=web",))
    dev.inject(Fault(path="/pods$", status=403))
    assert sync(labels=("app=db",)).status == "forbidden"
    report = sync(labels=("app=web",), mode="delta")

    assert (report.status, report.unchanged) == ("success", 2)
    assert len(inventory.rows("k8s_freshness", "resource")) == 1


def test_a_server_that_heeds_no_label_selector_is_refused(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.seed("pods", [labelled("one", app="web"), labelled("two", app="db")])
    items = [{"metadata": each["metadata"]} for each in dev.objects("pods")]
    everything = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}
    dev.inject(Fault(path="/pods$", query={"labelSelector": "."}, body=json.dumps(everything).encode(), times=None))
    report = sync(labels=("app=web",))

    assert report.status == "failed"
    assert "does not select them by labels" in str(report.reason)
    assert inventory.count("k8s_pods") == 0


def test_whether_objects_are_gone_must_be_told(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.seed("pods", [labelled("stays", app="web"), labelled("leaves", app="web")])
    sync(labels=("app=web",))
    dev.patch("pods", "leaves", {"metadata": {"labels": {"app": "db"}}}, "default")
    fault = dev.inject(Fault(path="/pods$", query={"fieldSelector": "name=leaves"}, status=403, times=None))
    before = inventory.versions()
    report = sync(labels=("app=web",))

    assert (report.status, fault.hits > 0, inventory.versions() == before) == ("forbidden", True, True)


def test_clusters_and_resources_outside_of_namespaces(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.seed("nodes", [named("one", labels={"app": "web"}), named("two")])

    assert sync("clusters", labels=("app=web",), namespaces=("team-*",)).status == "success"
    assert sync("nodes", labels=("app=web",), namespaces=("team-*",)).seen == 1
    assert inventory.names("k8s_nodes") == ["one"]


def test_custom_resources_are_narrowed_like_others(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.create("crd", widget_definition())
    dev.seed(WIDGETS, [named("one", "default", labels={"app": "web"}), named("two", "default")])
    report = sync(WIDGETS, labels=(f"{WIDGETS}:app=web",))

    assert (report.status, report.seen) == ("success", 1)
    assert inventory.names("k8s_custom_resources") == ["one"]


@pytest.mark.parametrize("open_", [("team-*",), ("!default",)])
def test_a_glob_shares_rows_with_every_scope(
    open_: tuple[str, ...], sync: Syncer, inventory: Inventory, dev: Cluster
) -> None:
    dev.seed("namespaces", [named("team-a")])
    dev.seed("pods", [pod("one", "team-a"), pod("two", "default")])
    sync()
    report = sync(namespaces=open_, store_object=False)

    assert report.status == "success"
    assert "one" in inventory.names("k8s_pods")
    # The checkpoint of the whole holds no more: rows have another format.
    assert "another cluster or row format" in str(sync(mode="delta").fallback)


def test_a_namespace_that_came_back_in_a_second_list_loses_nothing(
    sync: Syncer, inventory: Inventory, dev: Cluster
) -> None:
    dev.seed("namespaces", [named("team-a"), named("team-b")])
    dev.seed("pods", [pod(f"pod-{number}", "team-a") for number in range(12)] + [pod("other", "team-b")])
    sync(namespaces=("team-*",))
    listed = {
        "kind": "NamespaceList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": str(dev.resource_version)},
        "items": [each for each in dev.objects("namespaces") if each["metadata"]["name"] == "team-b"],
    }
    dev.inject(Fault(path="/namespaces$", body=json.dumps(listed).encode(), times=1))
    report = sync(namespaces=("team-*",))

    assert report.status == "failed"
    assert "asked twice, the cluster did not say the same" in str(report.reason)
    assert inventory.count("k8s_pods") == 13


def test_events_age_whatever_the_selection(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    assert CATALOGUE["events"].aged_by
    now = datetime.now(UTC).isoformat()
    involved = {"involvedObject": {"kind": "Pod", "name": "x", "namespace": "default"}, "lastTimestamp": now}
    dev.seed("events", [named("one", "default", labels={"app": "web"}) | involved])
    sync("events")
    report = sync("events", labels=("app=db",))

    assert (report.status, report.unselected, report.deleted) == ("success", 0, 0)
    assert inventory.count("k8s_events") == 1
