"""One object that cannot be read or held costs itself only: first sync and later ones, in every mode."""

from __future__ import annotations

import json

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.model import SyncReport
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, Manifest, named, pod, widget_definition
from tests.kit.syncer import Syncer

PODS = "/pods$"

DEEP = b'{"a":' * 990 + b"1" + b"}" * 990
DEEPER = b"[" * 20_000 + b"]" * 20_000
UNHOLDABLE = pytest.mark.parametrize(
    "spec",
    [
        b'{"x":1e400000}',
        b'{"x":[-1e400000]}',
        b'{"x":1e-400000}',
        b'{"x":%s}' % (b"9" * 200_000),
        b'{"x":0.%s}' % (b"1" * 20_000),
        b'{"x":%s}' % DEEP,
        b'{"x":%s}' % DEEPER,
    ],
    ids=["large", "negative", "small", "many digits", "many decimals", "deep", "deeper"],
)
MODES = pytest.mark.parametrize("mode", ["full", "metadata", "delta"])


def item(name: str, spec: bytes = b"{}", version: str = "5", **metadata: object) -> bytes:
    """An object as JSON."""
    read = {"name": name, "namespace": "default", "uid": f"u-{name}", "resourceVersion": version} | metadata
    return b'{"metadata":%s,"spec":%s,"status":{"phase":"Running"}}' % (json.dumps(read).encode(), spec)


def a_list(*items: bytes, version: str = "9") -> bytes:
    """A list as an API server gives it."""
    return b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"%s"},"items":[%s]}' % (
        version.encode(),
        b",".join(items),
    )


def is_good_but_for(report: SyncReport, inventory: Inventory, *others: str) -> None:
    """Check that all have rows, and the one named odd has no object."""
    odd = inventory.row("k8s_pods", "odd")

    assert report.status == "success", report.reason
    assert inventory.names("k8s_pods") == sorted((*others, "odd"))
    assert (odd["object"], odd["phase"], odd["namespace"]) == (None, "Running", "default")
    assert all(inventory.row("k8s_pods", other)["object"] for other in others)


@UNHOLDABLE
def test_its_row_is_without_object_from_the_first_sync_on(
    spec: bytes, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    others = [f"web-{number:02}" for number in range(20)]
    dev.inject(
        Fault(path=PODS, body=a_list(*map(item, others[:7]), item("odd", spec), *map(item, others[7:])), times=None)
    )
    first = sync()
    is_good_but_for(first, inventory, *others)
    before = inventory.versions()
    second = sync()

    assert (first.inserted, second.unchanged) == (21, 21)
    assert inventory.versions() == before
    assert first.warnings == second.warnings
    assert len(first.warnings) == 1
    assert first.warnings[0].startswith("default/odd has ")


@UNHOLDABLE
@MODES
def test_its_row_is_without_object_in_every_mode(
    mode: str, spec: bytes, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [pod("web")])
    sync()
    uid = dev.create("pods", pod("odd"))["metadata"]["uid"]
    version = str(dev.resource_version)
    body = item("odd", spec, version, uid=uid)
    web = json.dumps(dev.get("pods", "web", "default")).encode()
    dev.inject(Fault(path=PODS, query={"fieldSelector": "=odd"}, body=a_list(body, version=version), times=None))
    dev.inject(Fault(path=PODS, verb="watch", body=b'{"type":"ADDED","object":%s}\n' % body))
    if mode == "full":
        dev.inject(Fault(path=PODS, body=a_list(web, body, version=version)))
    report = sync(mode=mode)

    assert report.mode == mode, report.fallback
    is_good_but_for(report, inventory, "web")
    assert report.warnings[0].startswith("default/odd has ")


@UNHOLDABLE
def test_its_deletion_is_a_deletion(spec: bytes, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web"), pod("odd")])
    sync()
    uid = dev.delete("pods", "odd", "default")["metadata"]["uid"]
    event = b'{"type":"DELETED","object":%s}\n' % item("odd", spec, str(dev.resource_version), uid=uid)
    dev.inject(Fault(path=PODS, verb="watch", body=event))
    report = sync(mode="delta")

    assert (report.mode, report.deleted) == ("delta", 1), report.fallback
    assert inventory.names("k8s_pods") == ["web"]


def test_of_a_page_of_odd_objects_each_has_its_row(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    odd = [item(f"odd-{number}", b'{"x":1e400000}') for number in range(12)]
    dev.inject(Fault(path=PODS, body=a_list(item("web"), *odd), times=None))
    report = sync()

    assert inventory.count("k8s_pods") == 13
    (warning,) = report.warnings
    assert warning.startswith("12 objects have what PostgreSQL cannot hold in object (")
    assert ", for example default/odd-0: " in warning


def test_what_a_column_of_its_own_cannot_hold_is_null(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    odd = named("odd", "default", uid="u1") | {"spec": {"ports": [1], "selector": {"a": "b"}}}
    body = a_list(json.dumps(odd).encode().replace(b"[1]", b"[1e400000]")).replace(b"PodList", b"ServiceList")
    dev.inject(Fault(path="/services$", body=body))
    report = sync("services")
    row = inventory.row("k8s_services", "odd")

    assert (row["object"], row["ports"], row["selector"], row["type"]) == (None, None, {"a": "b"}, "ClusterIP")
    assert report.warnings[0].startswith("default/odd has what PostgreSQL cannot hold in object or ports (")


def test_labels_that_cannot_be_held_are_an_empty_object(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    body = item("odd", labels={"a": 1}).replace(b'{"a": 1}', b'{"a": 1e400000}')
    dev.inject(Fault(path=PODS, body=a_list(item("web"), body)))
    sync()

    assert inventory.row("k8s_pods", "odd")["labels"] == {}
    assert inventory.row("k8s_pods", "odd")["object"] is None


def test_a_text_that_is_too_long_for_an_index_is_null(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    # PostgreSQL compresses what repeats itself.
    long = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(4_000))
    odd = item("odd", json.dumps({"nodeName": long}).encode())
    dev.inject(Fault(path=PODS, body=a_list(item("web"), odd, item("x", uid=long), item(long)), times=None))
    report = sync()
    again = sync()

    assert (report.status, report.inserted, again.unchanged) == ("success", 4, 4), again.reason
    assert inventory.row("k8s_pods", "odd")["node_name"] is None
    assert inventory.row("k8s_pods", "x")["uid"].startswith("sha256:")
    assert [row["name"] for row in inventory.rows("k8s_pods")] == ["odd", "web", "x", None]


def test_a_custom_resource_with_odd_fields_has_its_row(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", widget_definition())
    odd: Manifest = named(
        "odd",
        "default",
        uid="u1",
        creationTimestamp="yesterday",
        deletionTimestamp=0,
        labels=["a"],
        annotations=None,
        ownerReferences="nobody",
    )
    body = json.dumps(
        {"kind": "WidgetList", "metadata": {"resourceVersion": "9"}, "items": [odd, named("good", "default")]}
    )
    dev.inject(Fault(path="/widgets$", body=body.encode()))
    report = sync(WIDGETS)
    row = inventory.row("k8s_custom_resources", "odd")

    assert report.status == "success"
    assert (row["resource"], row["kind"], row["labels"], row["annotations"]) == (WIDGETS, "Widget", {}, {})
    assert row["created_at"] is row["deletion_timestamp"] is row["owner_uid"] is None
    assert row["object"]["metadata"]["creationTimestamp"] == "yesterday"
    assert len(report.warnings) == 5  # and one for the object without uid


def test_an_object_with_fields_of_an_events_names_is_no_error_of_the_watch(dev: Cluster, sync: Syncer) -> None:
    leases = "leases.coordination.k8s.io"
    dev.create(leases, named("one", "default"))
    sync(leases)
    dev.create(leases, named("two", "default") | {"code": "E42", "message": {}})
    report = sync(leases, mode="delta", verify_every=0)

    assert (report.mode, report.inserted) == ("delta", 1), report.fallback


def test_bytes_that_are_not_utf8_are_replaced(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.inject(Fault(path=PODS, body=a_list(item("web"), item("odd", b'{"nodeName":"\xff\xfe"}'))))
    report = sync()

    assert report.warnings == ("default/odd has bytes that are not UTF-8: they became U+FFFD",)
    assert inventory.row("k8s_pods", "odd")["node_name"] == "\ufffd\ufffd"
    assert inventory.row("k8s_pods", "web")["object"]
