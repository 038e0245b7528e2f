"""Metadata mode: what exists is listed by its metadata, and only what differs from its row is read whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, User

from airflow_provider_k8s_inventory.model import SyncReport
from tests.kit.interrupted import Interrupted
from tests.kit.inventory import Inventory
from tests.kit.objects import named, pod, pods
from tests.kit.syncer import Syncer

PODS = "/api/v1/pods$"
ONE = "web-0000"
ROLES = "clusterroles.rbac.authorization.k8s.io"


@pytest.fixture
def synced_dev(dev: Cluster, sync: Syncer) -> Cluster:
    """A cluster with three pods, which were synced."""
    dev.seed("pods", pods(3))
    assert sync().status == "success"
    dev.requests.clear()
    return dev


def label(cluster: Cluster, *numbers: int, **labels: str) -> None:
    for number in numbers:
        cluster.patch("pods", f"web-{number:04}", {"metadata": {"labels": labels}}, "default")


def fetched(cluster: Cluster) -> list[str]:
    """The names of the pods that were read one by one."""
    found = (request.query.get("fieldSelector", "") for request in cluster.requests)
    return sorted(selector.removeprefix("metadata.name=") for selector in found if selector)


def between(sync: Syncer, before: str, *happens: Callable[[], object]) -> SyncReport:
    """Sync in metadata mode, while something happens before the first request of that kind."""

    def all_of_it() -> None:
        for action in happens:
            action()

    client = Interrupted(sync.client().context, before, all_of_it)
    report = sync(mode="metadata", client=client)
    assert client.left == 0
    return report


def test_nothing_changed_is_one_list_of_metadata_and_no_write(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    before = inventory.versions()
    report = sync(mode="metadata")

    assert (report.mode, report.fallback, report.seen, report.unchanged) == ("metadata", None, 3, 3)
    assert inventory.versions() == before
    (listed,) = [request for request in synced_dev.requests if request.path == "/api/v1/pods"]
    assert "as=PartialObjectMetadataList" in listed.headers["accept"]
    assert fetched(synced_dev) == []


def test_a_server_that_speaks_no_protobuf_gives_its_metadata_in_json(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    synced_dev.json_only.add("")
    label(synced_dev, 1, tier="front")
    report = sync(mode="metadata")

    assert (report.mode, report.fallback, report.seen, report.updated) == ("metadata", None, 3, 1)
    assert inventory.row("k8s_pods", "web-0001")["labels"] == {"tier": "front"}


def test_only_what_differs_is_read_whole(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    label(synced_dev, 1, tier="front")
    synced_dev.create("pods", pod("new"))
    synced_dev.delete("pods", "web-0002", "default")
    report = sync(mode="metadata")

    assert (report.seen, report.inserted, report.updated, report.unchanged, report.deleted) == (3, 1, 1, 1, 1)
    assert fetched(synced_dev) == ["new", "web-0001"]
    assert inventory.names("k8s_pods") == ["new", "web-0000", "web-0001"]
    assert inventory.row("k8s_pods", "web-0001")["labels"] == {"tier": "front"}


def test_the_ledger_has_the_version_of_the_list(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    label(synced_dev, 1, tier="front")
    version = str(synced_dev.resource_version)
    sync(mode="metadata")

    assert (inventory.last()["mode"], inventory.last()["resource_version"]) == ("metadata", version)


def test_the_metadata_comes_in_pages(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(4001))
    sync()
    dev.requests.clear()
    label(dev, 0, 2000, 4000, tier="front")
    report = sync(mode="metadata")

    assert (report.mode, report.seen, report.updated, report.unchanged) == ("metadata", 4001, 3, 3998)
    lists = [r.query["limit"] for r in dev.requests if r.verb == "list" and "fieldSelector" not in r.query]
    assert lists == ["100", "1000", "2000", "2000"]


def test_a_row_that_has_a_mark_is_made_anew(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync(on_delete="mark")
    inventory.query("UPDATE k8s_pods SET deleted_at = now() WHERE name = 'web-0001'")
    report = sync(mode="metadata", on_delete="mark")

    assert (report.mode, report.updated) == ("metadata", 1)
    assert inventory.row("k8s_pods", "web-0001")["deleted_at"] is None


def test_a_row_whose_object_is_gone_can_be_marked(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync(on_delete="mark")
    synced_dev.delete("pods", "web-0001", "default")
    reports = [sync(mode="metadata", on_delete="mark") for _ in range(2)]

    assert [(report.mode, report.seen, report.deleted) for report in reports] == [
        ("metadata", 2, 1),
        ("metadata", 2, 0),
    ]
    assert inventory.row("k8s_pods", "web-0001")["deleted_at"] is not None


def test_too_much_gone_is_refused(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(101))
    sync()
    for number in range(51):
        dev.delete("pods", f"web-{number:04}", "default")
    before = inventory.versions()
    report = sync(mode="metadata")

    assert (report.status, report.mode) == ("refused", "metadata")
    assert inventory.versions() == before
    assert sync(mode="metadata", allow_mass_delete=True).deleted == 51


def test_an_object_that_vanishes_before_it_is_read_loses_its_row(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    label(synced_dev, 0, tier="front")
    report = between(sync, ONE, partial(synced_dev.delete, "pods", "web-0000", "default"))

    assert (report.mode, report.status) == ("metadata", "success")
    assert (report.seen, report.inserted, report.updated, report.deleted) == (2, 0, 0, 1)
    assert inventory.names("k8s_pods") == ["web-0001", "web-0002"]


def test_a_new_object_that_vanishes_before_it_is_read_gets_no_row(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    synced_dev.create("pods", pod("short"))
    report = between(sync, "short", partial(synced_dev.delete, "pods", "short", "default"))

    assert (report.seen, report.inserted, report.deleted) == (3, 0, 0)
    assert "short" not in inventory.names("k8s_pods")


def test_an_object_that_changes_again_before_it_is_read_is_as_new_as_it_is(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    label(synced_dev, 0, tier="front")
    listed = str(synced_dev.resource_version)
    report = between(sync, ONE, partial(label, synced_dev, 0, tier="back"))

    assert inventory.row("k8s_pods", "web-0000")["labels"] == {"tier": "back"}
    assert report.resource_version == listed  # what came after is for the next sync to prove
    assert (sync(mode="metadata").unchanged, sync(mode="delta").updated) == (3, 0)


def test_an_object_that_takes_the_name_before_it_is_read_is_a_row_of_its_own(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    old = inventory.row("k8s_pods", "web-0000")["uid"]
    label(synced_dev, 0, tier="front")
    report = between(
        sync,
        ONE,
        partial(synced_dev.delete, "pods", "web-0000", "default"),
        partial(synced_dev.create, "pods", pod("web-0000", phase="Pending")),
    )

    row = inventory.row("k8s_pods", "web-0000")
    assert row["uid"] == synced_dev.get("pods", "web-0000", "default")["metadata"]["uid"] != old
    assert (row["phase"], row["labels"]) == ("Pending", {})
    assert (report.seen, report.inserted, report.updated, report.deleted) == (3, 1, 0, 1)


@pytest.mark.parametrize("mode", ["metadata", "delta"])
def test_the_sync_after_such_a_change_of_hands_finds_nothing_to_do(
    mode: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    label(synced_dev, 0, tier="front")
    between(
        sync,
        ONE,
        partial(synced_dev.delete, "pods", "web-0000", "default"),
        partial(synced_dev.create, "pods", pod("web-0000")),
    )
    before = inventory.versions()
    report = sync(mode=mode)

    assert (report.mode, report.seen, report.inserted, report.deleted) == (mode, 3, 0, 0)
    assert inventory.versions() == before


def test_an_object_that_changes_after_the_list_is_for_the_next_sync(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    label(synced_dev, 0, tier="front")
    between(sync, ONE, partial(label, synced_dev, 1, tier="back"), partial(synced_dev.create, "pods", pod("late")))

    assert inventory.row("k8s_pods", "web-0001")["labels"] == {}
    assert (sync(mode="delta").inserted, inventory.row("k8s_pods", "web-0001")["labels"]) == (1, {"tier": "back"})


@pytest.mark.parametrize(("times", "status"), [(1, "success"), (None, "unreachable")])
def test_a_read_that_fails_is_tried_again_and_else_changes_nothing(
    times: int | None, status: str, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    label(synced_dev, 0, 1, tier="front")
    synced_dev.delete("pods", "web-0002", "default")
    before = inventory.versions()
    synced_dev.inject(Fault(query={"fieldSelector": ONE}, status=500, times=times))
    report = sync(mode="metadata")

    assert (report.status, report.mode) == (status, "metadata")
    assert (inventory.versions() == before) is (status != "success")


@pytest.mark.parametrize(
    ("seen", "differ", "mode"),
    [(60, 50, "metadata"), (60, 51, "full"), (600, 60, "metadata"), (600, 61, "full")],
)
def test_when_much_differs_all_are_read_whole(
    seen: int, differ: int, mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(seen))
    sync()
    label(dev, *range(differ), tier="front")
    report = sync(mode="metadata")

    assert (report.mode, report.updated, report.unchanged) == (mode, differ, seen - differ)
    if mode == "full":
        assert report.fallback == f"metadata: more than {differ - 1} of {seen} objects differ: a list of all is cheaper"
    assert sum(row["labels"] == {"tier": "front"} for row in inventory.rows("k8s_pods")) == differ


def partial_list(*items: object, version: str = "9") -> bytes:
    kind = "PartialObjectMetadataList"
    return json.dumps({"kind": kind, "metadata": {"resourceVersion": version}, "items": items}).encode()


USELESS: dict[str, dict[str, Any]] = {
    "objects without uid": {"body": partial_list(named("web", resourceVersion="7"))},
    "objects without resourceVersion": {"body": partial_list(named("web", uid="u"))},
    "a list without resourceVersion": {"body": partial_list(version="")},
    "a name with NUL in it": {"body": partial_list(named("web\0", uid="u", resourceVersion="7"))},
    "something that is no object": {"body": partial_list(1)},
    "nothing that has a name": {"body": partial_list({"metadata": {"name": 1, "uid": "u"}})},
    "another form is not known": {"status": 406, "times": 2},
    "no JSON": {"body": b"<html>"},
    "no protobuf": {"body": b"k8s\0nonsense"},
    "protobuf without a list": {"body": b"k8s\0"},
    "half a response": {"truncate": 100, "times": 5},
    "a list that expires": {"status": 410},
}


@pytest.mark.parametrize("fault", USELESS.values(), ids=USELESS)
def test_metadata_that_is_of_no_use_is_not_the_end(
    fault: dict[str, Any], synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    synced_dev.delete("pods", "web-0001", "default")
    synced_dev.inject(Fault(path=PODS, **fault))
    report = sync(mode="metadata")

    assert (report.status, report.mode, report.deleted) == ("success", "full", 1)
    assert (report.fallback or "").startswith("metadata: ")
    assert inventory.names("k8s_pods") == ["web-0000", "web-0002"]


def test_who_may_list_and_not_get_can_be_read_so(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    rules = (Rule(verbs=("list",), resources=("pods",)), Rule(verbs=("get",), resources=("namespaces",)))
    synced_dev.add_user(User(name="admin", groups=(), allowed=rules))
    label(synced_dev, 0, tier="front")
    report = sync(mode="metadata")

    assert (report.status, report.mode, report.updated) == ("success", "metadata", 1)
    assert inventory.row("k8s_pods", "web-0000")["labels"] == {"tier": "front"}


def test_who_may_not_read_one_by_one_gets_a_list(synced_dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    label(synced_dev, 0, tier="front")
    synced_dev.inject(Fault(query={"fieldSelector": ONE}, status=403, times=None))
    report = sync(mode="metadata")

    assert (report.status, report.mode, report.updated) == ("success", "full", 1)
    assert (report.fallback or "").startswith("metadata: ")
    assert inventory.row("k8s_pods", "web-0000")["labels"] == {"tier": "front"}


def whole_list(*items: object, version: str = "9999", **metadata: str) -> bytes:
    return json.dumps({"kind": "PodList", "metadata": {"resourceVersion": version} | metadata, "items": items}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"nothing",
        b'{"kind":"Status","metadata":{}}',
        b'{"kind":"PodList","items":null}',
        whole_list(1),
        whole_list({"metadata": {"name": "web-0000", "namespace": "default", "resourceVersion": "8"}}),
        whole_list(pod("web-0000", uid="u")),
        whole_list(pod("web-0001", uid="u", resourceVersion="8")),
        whole_list(pod("web-0000", "kube-public", uid="u", resourceVersion="8")),
        whole_list(*(pod(name, uid=name, resourceVersion="8") for name in ("web-0000", "web-0001"))),
        # Gone only in a state that is older than the list, or on this page, or in one that cannot be compared.
        whole_list(version="1"),
        whole_list(**{"continue": "more"}),
        whole_list(version=""),
        whole_list(version="latest"),
    ],
)
def test_what_is_read_and_is_not_the_object_is_not_the_end(
    body: bytes, synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    label(synced_dev, 0, tier="front")
    synced_dev.inject(Fault(query={"fieldSelector": ONE}, body=body, times=None))
    report = sync(mode="metadata")

    assert (report.status, report.mode, report.seen, report.updated) == ("success", "full", 3, 1)
    assert inventory.count("k8s_pods") == 3


def test_names_that_mean_something_in_a_path_are_read_all_the_same(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    # Names of roles are path segments, so anything but slashes and percent signs:
    # https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names
    names = ["a b", "a,b", "a=b", "a\\b", "is?it", "no#1", "system:admin", "x&y", "über"]
    dev.seed(ROLES, [named(name) for name in names])
    sync(ROLES)
    for name in names:
        dev.patch(ROLES, name, {"metadata": {"labels": {"a": "b"}}})
    report = sync(ROLES, mode="metadata")

    assert (report.mode, report.updated, report.deleted) == ("metadata", len(names), 0)
    assert inventory.names("k8s_clusterroles") == sorted(names)


def test_characters_that_postgresql_cannot_hold_are_replaced(
    synced_dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    synced_dev.patch("pods", "web-0000", {"metadata": {"annotations": {"a": "x\0y"}}}, "default")
    report = sync(mode="metadata")

    (warning,) = report.warnings
    assert warning.startswith("default/web-0000 has characters that PostgreSQL cannot hold (NUL, lone surrogates)")
    assert inventory.row("k8s_pods", "web-0000")["annotations"] == {"a": "x\ufffdy"}


def test_one_namespace_is_compared_with_itself_only(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("mine", "default"), pod("other", "kube-public")])
    sync()
    sync(namespaces=("default",))
    dev.delete("pods", "other", "kube-public")
    dev.patch("pods", "mine", {"metadata": {"labels": {"a": "b"}}}, "default")
    report = sync(namespaces=("default",), mode="metadata")

    assert (report.mode, report.seen, report.updated, report.deleted) == ("metadata", 1, 1, 0)
    assert inventory.names("k8s_pods") == ["mine", "other"]


def test_several_namespaces_are_read_whole(dev: Cluster, sync: Syncer) -> None:
    namespaces = ("default", "kube-public")
    sync(namespaces=namespaces)
    report = sync(namespaces=namespaces, mode="metadata")

    assert (report.status, report.mode) == ("success", "full")
    assert report.fallback == "several namespaces have no resourceVersion in common"
