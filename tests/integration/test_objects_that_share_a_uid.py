"""Objects of one uid, as some aggregated APIs have them: each has its row, and keeps it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, Manifest, named, widget_definition
from tests.kit.syncer import Syncer


def widget(name: str, uid: str = "one", namespace: str = "default", version: str = "5") -> Manifest:
    return named(name, namespace, uid=uid, resourceVersion=version)


class Served:
    """Widgets that are listed as they are."""

    def __init__(self, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
        self._dev, self._sync, self._inventory = dev, sync, inventory
        dev.create("crd", widget_definition())
        self._fault: Fault | None = None

    def __call__(self, *widgets: Manifest, **settings: Any) -> dict[str, str]:
        """Sync when there are these; the keys by namespace and name."""
        version = str(self._dev.resource_version)
        body = json.dumps({"kind": "WidgetList", "metadata": {"resourceVersion": version}, "items": widgets}).encode()
        if self._fault is None:
            self._fault = self._dev.inject(Fault(path="/widgets$", times=None))
        self._fault.body = body
        self.report = self._sync(WIDGETS, **settings)
        assert self.report.status == "success", self.report.reason
        return self.keys()

    def keys(self) -> dict[str, str]:
        rows = self._inventory.rows("k8s_custom_resources")
        return {f"{row['namespace']}/{row['name']}": row["uid"] for row in rows if not row["deleted_at"]}


@pytest.fixture
def served(dev: Cluster, sync: Syncer, inventory: Inventory) -> Served:
    return Served(dev, sync, inventory)


def test_each_has_a_row_from_the_first_sync_on(served: Served, inventory: Inventory) -> None:
    objects = [widget("a"), widget("b"), widget("c", namespace="shop"), widget("own", uid="two")]
    keys = served(*objects)
    before = inventory.versions()

    assert keys == {
        "default/a": "one/default/a",
        "default/b": "one/default/b",
        "shop/c": "one/shop/c",
        "default/own": "two",
    }
    assert served.report.warnings == (
        "3 objects have a uid that is or was another's too, for example default/a: uid, namespace and name are the key",
    )
    assert served(*reversed(objects)) == keys
    assert (served.report.seen, served.report.unchanged) == (4, 4)
    assert inventory.versions() == before


@pytest.mark.parametrize("mode", ["full", "metadata"])
def test_a_row_keeps_its_key_while_others_come_and_go(mode: str, served: Served) -> None:
    assert served(widget("a"), mode=mode) == {"default/a": "one"}
    assert served(widget("a"), widget("b"), mode=mode) == {"default/a": "one", "default/b": "one/default/b"}
    assert (served.report.inserted, served.report.unchanged) == (1, 1)
    assert served(widget("b", version="6"), mode=mode) == {"default/b": "one/default/b"}
    assert (served.report.updated, served.report.deleted) == (1, 1)
    assert served(widget("b"), widget("a"), mode=mode) == {"default/b": "one/default/b", "default/a": "one"}
    assert served(widget("a"), mode=mode) == {"default/a": "one"}
    assert served.report.deleted == 1


def test_an_object_that_takes_over_a_uid_has_a_row_of_its_own(served: Served) -> None:
    served(widget("a"))

    assert served(widget("b")) == {"default/b": "one/default/b"}
    assert (served.report.inserted, served.report.deleted) == (1, 1)


def test_rows_that_are_marked_keep_their_keys_too(served: Served) -> None:
    served(widget("a"), widget("b"), on_delete="mark")
    served(widget("b"), on_delete="mark")

    assert served(widget("a"), widget("b"), on_delete="mark") == {
        "default/a": "one/default/a",
        "default/b": "one/default/b",
    }


def test_a_scope_takes_no_row_of_another_scope(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", widget_definition())
    for namespace in ("default", "kube-public"):
        body = json.dumps(
            {"kind": "WidgetList", "metadata": {"resourceVersion": "9"}, "items": [widget("a", namespace=namespace)]}
        )
        dev.inject(Fault(path=f"/{namespace}/widgets$", body=body.encode(), times=None))
    for namespace in ("default", "kube-public", "default", "kube-public"):
        report = sync(WIDGETS, namespaces=(namespace,))

    assert report.unchanged == 1
    assert [row["namespace"] for row in inventory.rows("k8s_custom_resources", "namespace")] == [
        "default",
        "kube-public",
    ]


def test_a_repeated_page_is_no_other_object(served: Served) -> None:
    pair = [widget("a"), widget("b", uid="two")]
    for _ in range(2):
        assert served(*pair, *pair) == {"default/a": "one", "default/b": "two"}
        assert served.report.warnings == ("2 objects came more than once in one list; the last one counts",)


@pytest.mark.parametrize("repeated", [1, 2])
def test_objects_that_share_a_uid_may_be_repeated(repeated: int, served: Served) -> None:
    assert served(*[widget("a"), widget("b")] * repeated) == {
        "default/a": "one/default/a",
        "default/b": "one/default/b",
    }
    assert served.report.seen == 2


def test_a_uid_that_is_shared_in_a_watch_is_read_in_a_list(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", widget_definition())
    dev.create(WIDGETS, named("a", "default"))
    sync(WIDGETS)
    uid = inventory.row("k8s_custom_resources", "a")["uid"]
    dev.create(WIDGETS, named("late", "default"))
    other = widget("b", uid=uid, version=str(dev.resource_version))
    events = [{"type": "ADDED", "object": other}, {"type": "DELETED", "object": other}]
    body = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    dev.inject(Fault(path="/widgets$", verb="watch", body=body))
    report = sync(WIDGETS, mode="delta", verify_every=0)

    assert report.mode != "delta"
    assert "objects share a uid" in (report.fallback or "")
    assert inventory.names("k8s_custom_resources") == ["a", "late"]


@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
def test_a_uid_of_kubernetes_own_that_came_twice_is_put_right(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [named("a", "default"), named("b", "default")])
    uids = sorted(each["metadata"]["uid"] for each in dev.objects("pods"))
    sync("pods")
    twice = [each | {"metadata": each["metadata"] | {"uid": uids[0]}} for each in dev.objects("pods")]
    metadata = {"resourceVersion": str(dev.resource_version)}
    body = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": twice}).encode()
    dev.inject(Fault(path="/pods$", body=body))
    assert sync("pods", mode="full").warnings
    sync("pods", mode=mode)

    assert sorted(row["uid"] for row in inventory.rows("k8s_pods")) == uids
