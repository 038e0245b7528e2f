"""A watch that proves nothing is not the end: the same sync reads metadata, and the ledger says why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, User
from k8s_inventory_demo.simulator.served import Served

from tests.kit.inventory import Inventory
from tests.kit.objects import named, pod, pods, widget_definition
from tests.kit.syncer import Syncer

LEASES = "leases"


@pytest.fixture
def changed_dev(dev: Cluster, sync: Syncer) -> Cluster:
    """A cluster with three pods; they were synced, and one has changed and one gone since."""
    dev.seed("pods", pods(3))
    assert sync().status == "success"
    dev.patch("pods", "web-0000", {"metadata": {"labels": {"tier": "front"}}}, "default")
    dev.delete("pods", "web-0001", "default")
    return dev


def event(type_: str, object_: object) -> bytes:
    return json.dumps({"type": type_, "object": object_}).encode() + b"\n"


def status(code: int) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "message": "something"}


NEVER = {"metadata": {"resourceVersion": "1"}}
OLD = named("x", "default", uid="x", resourceVersion="1")
AHEAD = {"metadata": {"name": "x", "uid": "x", "resourceVersion": "999"}}
USELESS: dict[str, dict[str, Any]] = {
    "it ends at once": {"body": b""},
    "no bookmark": {"body": event("ADDED", named("x", "default", uid="x", resourceVersion="2"))},
    "a bookmark of long ago": {"body": event("BOOKMARK", NEVER)},
    "an event of long ago": {"body": event("ADDED", OLD) + event("BOOKMARK", {"metadata": {"resourceVersion": "999"}})},
    "the end of an object long ago": {
        "body": event("DELETED", OLD) + event("BOOKMARK", {"metadata": {"resourceVersion": "999"}})
    },
    "a bookmark without a version": {"body": event("BOOKMARK", {"metadata": {}})},
    "a bookmark that is no number": {"body": event("BOOKMARK", {"metadata": {"resourceVersion": "latest"}})},
    "a bookmark of another kind": {"body": event("BOOKMARK", [])},
    "a bookmark cut off": {"body": event("BOOKMARK", AHEAD)[:-1]},
    "an error": {"body": event("ERROR", status(500))},
    "an error of another kind": {"body": event("ERROR", "no")},
    "it has expired": {"body": event("ERROR", status(410))},
    "an error behind an event": {"body": event("ADDED", named("x", "default", uid="x")) + event("ERROR", status(410))},
    "an unknown event": {"body": event("RENAMED", AHEAD)},
    "no event": {"body": b'{"kind":"PodList","items":[]}\n'},
    "no JSON": {"body": b"<html>\n"},
    "no text": {"body": b'{"type":"ADDED","object":{"metadata":{"name":"\xff"}}}\n'},
    "deep": {"body": b'{"type":"ADDED","object":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n"},
    "an event without uid": {"body": event("ADDED", named("x", "default", resourceVersion="999"))},
    "the end of one without uid": {"body": event("DELETED", named("x", "default", resourceVersion="999"))},
    "an event of no object": {"body": event("MODIFIED", 1)},
    "an event of an odd version": {"body": event("MODIFIED", {"metadata": {"uid": "x", "resourceVersion": 999}})},
    "forbidden": {"status": 403},
    "not allowed": {"status": 405},
    "not found": {"status": 404},
    "gone": {"status": 410},
    "bad request": {"status": 400},
    "broken": {"status": 500},
    "too many": {"status": 429},
    "reset": {"reset": True},
    "cut off": {"truncate": 10},
}


@pytest.mark.parametrize("fault", USELESS.values(), ids=USELESS)
def test_a_watch_that_proves_nothing_falls_back_to_metadata(
    fault: dict[str, Any], changed_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    changed_dev.inject(Fault(verb="watch", times=None, **fault))
    report = sync(mode="delta")

    assert (report.status, report.mode) == ("success", "metadata")
    assert (report.fallback or "").startswith("delta: ")
    assert "defect" not in (report.fallback or "")
    assert (report.seen, report.inserted, report.updated, report.deleted) == (2, 0, 1, 1)
    assert inventory.names("k8s_pods") == ["web-0000", "web-0002"]
    assert inventory.last()["fallback"] == report.fallback
    assert report.warnings == ()


def test_the_sync_after_a_fallback_is_a_delta_again(changed_dev: Cluster, sync: Syncer) -> None:
    changed_dev.compact()
    assert sync(mode="delta").mode == "metadata"
    changed_dev.patch("pods", "web-0000", {"metadata": {"labels": {"tier": "back"}}}, "default")

    report = sync(mode="delta")
    assert (report.mode, report.fallback, report.updated) == ("delta", None, 1)


def test_after_a_compaction_metadata_is_read(changed_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    changed_dev.compact()
    report = sync(mode="delta")

    assert (report.mode, report.updated, report.deleted) == ("metadata", 1, 1)
    assert "too old resource version" in (report.fallback or "")
    assert inventory.names("k8s_pods") == ["web-0000", "web-0002"]


def test_what_had_come_before_it_was_given_up_is_undone(
    changed_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    ghost = pod("ghost", uid="ghost", resourceVersion="2")
    gone = pod("web-0002", uid=inventory.row("k8s_pods", "web-0002")["uid"], resourceVersion="3")
    changed_dev.inject(Fault(verb="watch", body=event("ADDED", ghost) + event("DELETED", gone)))
    sync(mode="delta")

    assert inventory.names("k8s_pods") == ["web-0000", "web-0002"]


def test_both_reasons_are_told_when_metadata_is_of_no_use_either(changed_dev: Cluster, sync: Syncer) -> None:
    changed_dev.inject(Fault(verb="watch", status=410))
    changed_dev.inject(Fault(verb="list", query={"limit": "^100$"}, status=406, times=2))
    report = sync(mode="delta")

    assert (report.status, report.mode, report.deleted) == ("success", "full", 1)
    delta, metadata = (report.fallback or "").split("; metadata: ")
    assert delta.startswith("delta: ")
    assert "406" in metadata


@pytest.mark.parametrize("version", ["1", "0", "", "latest", "-1"], ids=lambda version: f"now {version!r}")
def test_a_server_that_is_behind_is_not_believed(
    version: str, changed_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    behind = json.dumps({"kind": "PodList", "metadata": {"resourceVersion": version}, "items": []}).encode()
    changed_dev.inject(Fault(verb="list", query={"limit": "^1$"}, body=behind))
    report = sync(mode="delta")

    assert (report.mode, report.updated, report.deleted) == ("metadata", 1, 1)
    assert "resourceVersion" in (report.fallback or "")


def test_a_resource_whose_objects_have_no_uid_is_read_whole(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed(LEASES, [named("one", "default"), named("two", "default")], as_is=True)
    sync(LEASES)
    report = sync(LEASES, mode="metadata")

    assert (report.mode, report.fallback) == (
        "full",
        "some objects have no uid of their own, and only a list of all tells them apart",
    )
    dev.delete(LEASES, "one", "default")
    report = sync(LEASES, mode="delta")
    assert (report.mode, report.deleted) == ("full", 1)
    assert inventory.names("k8s_leases") == ["two"]


@pytest.mark.parametrize("mode", ["metadata", "delta"])
def test_a_resource_that_cannot_be_watched_is_read_whole(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    # As an aggregated API server may: it lists what it works out, always at the same resourceVersion.
    nodes = "nodes.metrics.example.com"
    dev.registry.add(
        [
            Served(
                group="metrics.example.com",
                version="v1",
                plural="nodes",
                kind="NodeMetrics",
                namespaced=False,
                singular="node",
                verbs=("get", "list"),
                collection=nodes,
            )
        ]
    )
    for labels in ({}, {"load": "high"}):
        items = [named(name, uid=name, resourceVersion="1", labels=labels) for name in ("one", "two")]
        answer = {"kind": "NodeMetricsList", "metadata": {"resourceVersion": "1"}, "items": items}
        dev.faults.clear()
        dev.inject(Fault(path="/nodes$", body=json.dumps(answer).encode(), times=None))
        report = sync(nodes, mode=mode)

    assert (report.mode, report.updated) == ("full", 2)
    assert "cannot be watched" in (report.fallback or "")
    assert inventory.row("k8s_custom_resources", "one")["labels"] == {"load": "high"}


def test_who_may_list_and_not_watch_is_read_by_metadata(dev: Cluster, sync: Syncer) -> None:
    namespaces = Rule(verbs=("get",), resources=("namespaces",))
    dev.add_user(User(name="admin", groups=(), allowed=(namespaces, Rule(verbs=("list",), resources=("pods",)))))
    dev.seed("pods", pods(3))
    sync()
    dev.patch("pods", "web-0000", {"metadata": {"labels": {"tier": "front"}}}, "default")
    report = sync(mode="delta")

    assert (report.status, report.mode, report.updated) == ("success", "metadata", 1)
    assert "cannot watch" in (report.fallback or "")


def test_a_resource_that_is_withdrawn_is_absent_in_every_mode(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    for mode in ("delta", "metadata"):
        dev.create("crd", widget_definition())
        dev.create("widgets.example.com", named("one", "default"), "default")
        assert sync("widgets.example.com", mode=mode).inserted == 1
        dev.delete("crd", "widgets.example.com")
        report = sync("widgets.example.com", mode=mode)

        assert (report.status, report.deleted) == ("absent", 1)
        assert inventory.count("k8s_custom_resources") == 0
