"""Rows are made of objects: what is kept, what is left out, and what odd objects become.

What each resource's own columns hold is in `tests/fixtures/objects`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import ResponseError
from airflow_provider_k8s_inventory.model import Definition, Page, Resource
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.sync.remarks import Remarks
from airflow_provider_k8s_inventory.sync.rows import RowReader

PODS = resources.CATALOGUE["pods"]
NODES = resources.CATALOGUE["nodes"]
CUSTOM = custom.definition(
    Resource(group="example.com", version="v1", plural="widgets", kind="Widget", namespaced=True)
)


def page(*objects: object) -> Page:
    """A page of these objects; bytes are taken as they are."""
    items = [msgspec.Raw(item if isinstance(item, bytes) else json.dumps(item).encode()) for item in objects]
    return Page(items=items, resource_version="1", token=None, size=1)


class Read:
    """Objects read as rows, as dictionaries."""

    def __init__(self, *objects: object, definition: Definition = PODS, store_object: bool = True) -> None:
        reader = RowReader(definition, store_object=store_object)
        names = [
            column.name
            for column in definition.table.columns
            if column.name not in {"context_name", "cluster_uid", "first_seen_at", "changed_at", "deleted_at"}
        ]
        self.rows = [dict(zip(names, row, strict=True)) for row in reader.rows(page(*objects))]
        self.warnings = reader.warnings

    @property
    def row(self) -> dict[str, Any]:
        (row,) = self.rows
        return row


def web(metadata: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """An object of the name ``web``, of which a test says the rest."""
    return {"metadata": {"uid": "u1", "name": "web", "namespace": "shop"} | (metadata or {}), **members}


def test_the_metadata_becomes_the_shared_columns() -> None:
    row = Read(web({"labels": {"a": "b"}, "resourceVersion": "17", "creationTimestamp": "2026-01-05T08:00:00Z"})).row

    assert (row["uid"], row["namespace"], row["name"]) == ("u1", "shop", "web")
    assert json.loads(row["labels"]) == {"a": "b"}
    assert row["resource_version"] == "17"
    assert row["created_at"] == datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_the_owner_is_the_one_that_is_the_controller() -> None:
    owners = [
        {"kind": "Backup", "name": "nightly", "uid": "u8"},
        {"kind": "ReplicaSet", "name": "web-1", "uid": "u9", "controller": True},
    ]
    row = Read(web({"ownerReferences": owners})).row

    assert (row["owner_kind"], row["owner_name"], row["owner_uid"]) == ("ReplicaSet", "web-1", "u9")


def test_owners_that_do_not_control_are_no_owner() -> None:
    row = Read(web({"ownerReferences": [{"kind": "Backup", "name": "nightly", "uid": "u8", "controller": False}]})).row

    assert row["owner_kind"] is row["owner_uid"] is None


@pytest.mark.parametrize("labels", [{}, {"labels": None}, {"labels": {}}], ids=["missing", "null", "empty"])
@pytest.mark.parametrize("definition", [PODS, NODES], ids=["pods", "nodes"])
def test_without_labels_there_is_an_empty_object_and_no_warning(labels: dict[str, Any], definition: Definition) -> None:
    read = Read(web(labels | {"annotations": labels.get("labels")}), definition=definition)

    assert (read.row["labels"], read.row["annotations"]) == ("{}", "{}")
    assert read.warnings == ()


def test_the_object_says_its_kind_which_lists_leave_out() -> None:
    stored = json.loads(Read(web()).row["object"])

    assert (stored["kind"], stored["apiVersion"]) == ("Pod", "v1")


def test_an_object_may_say_its_kind_itself() -> None:
    stored = json.loads(Read(web(kind="Widget", apiVersion="example.com/v1"), definition=CUSTOM).row["object"])

    assert (stored["kind"], stored["apiVersion"]) == ("Widget", "example.com/v1")


@pytest.mark.parametrize("said", [{"kind": "Gadget"}, {"apiVersion": "example.org/v1"}], ids=json.dumps)
@pytest.mark.parametrize("odd", [{}, {"status": 1}], ids=json.dumps)
def test_an_object_that_says_it_is_another_kind_is_refused(said: dict[str, Any], odd: dict[str, Any]) -> None:
    with pytest.raises(
        ResponseError, match=r"the list of widgets\.example\.com has .*, and not Widget of example\.com/v1"
    ):
        Read(web(**said, **odd), definition=CUSTOM)


def test_the_object_is_stored_without_what_is_only_noise() -> None:
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    annotations = {applied: '{"kind":"Pod"}', "kept": applied}
    row = Read(web({"managedFields": [{"manager": "kubectl"}], "annotations": annotations}, spec={"x": 1})).row

    assert json.loads(row["object"])["metadata"] == {
        "uid": "u1",
        "name": "web",
        "namespace": "shop",
        "annotations": {"kept": applied},
    }
    assert json.loads(row["object"])["spec"] == {"x": 1}
    assert json.loads(row["annotations"]) == {"kept": applied}


def test_the_object_may_be_left_out() -> None:
    row = Read(web(status={"phase": "Running"}), store_object=False).row

    assert row["object"] is None
    assert row["phase"] == "Running"


def test_numbers_of_the_object_keep_their_digits() -> None:
    stored = Read(b'{"metadata":{"uid":"u","name":"n"},"spec":{"n":12345678901234567890.50}}', definition=CUSTOM).row

    assert "12345678901234567890.50" in stored["object"]


@pytest.mark.parametrize("uid", [{}, {"uid": None}, {"uid": ""}], ids=["missing", "null", "empty"])
def test_an_object_without_uid_is_known_by_resource_namespace_and_name(uid: dict[str, Any]) -> None:
    read = Read({"metadata": {"name": "web", "namespace": "shop"} | uid})

    assert read.row["uid"] == "pods/shop/web"
    assert read.warnings == ("shop/web has no uid: resource, namespace and name are the key",)


def test_one_outside_of_namespaces_by_resource_and_name() -> None:
    assert Read({"metadata": {"name": "node-1"}}, definition=NODES).row["uid"] == "nodes/node-1"


def test_custom_resources_without_uid_do_not_take_each_others_key() -> None:
    metrics = [
        custom.definition(Resource(group=group, version="v1", plural="pods", kind="PodMetrics", namespaced=True))
        for group in ("metrics.example.com", "metrics.example.org")
    ]
    one, other = (Read({"metadata": {"name": "web"}}, definition=definition).row["uid"] for definition in metrics)

    assert one != other


@pytest.mark.parametrize(
    "item",
    [{}, {"metadata": {}}, {"metadata": None}, {"metadata": {"namespace": "shop"}}, {"spec": 1}],
    ids=["nothing", "no metadata", "null", "no name", "an odd shape"],
)
def test_an_object_with_neither_uid_nor_name_is_none(item: object) -> None:
    with pytest.raises(ResponseError, match="an object in the list of pods has neither uid nor name"):
        Read(item)


@pytest.mark.parametrize(
    "item",
    [
        b"1",
        b'"text"',
        b"null",
        b"[]",
        b'{"metadata":[]}',
        b'{"metadata":{"uid":"u","name":"n"}',
        b'{"metadata":{"uid":"u","name":"n"},"spec":{"number":NaN}}',
    ],
)
def test_what_is_not_an_object_of_kubernetes_is_an_answer_that_is_none(item: bytes) -> None:
    with pytest.raises(ResponseError, match="in the list of pods is not an object of Kubernetes"):
        Read(item)


def test_what_is_not_an_object_of_kubernetes_is_named_when_it_can_be() -> None:
    with pytest.raises(ResponseError, match=r"^the item shop/web in the list of pods is not an object of Kubernetes"):
        Read(b'{"metadata":{"uid":"u","name":"web","namespace":"shop"},"spec":{"number":NaN}}')


@pytest.mark.parametrize("depth", [501, 990, 10_000, 200_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_an_object_that_is_nested_too_deeply_has_a_row_without_object(depth: int, opening: bytes) -> None:
    closing = (b"]" if opening == b"[" else b"}") * depth
    nested = b'{"metadata":{"uid":"u","name":"n","labels":{"a":"b"}},"deep":' + opening * depth + b"1" + closing
    read = Read(nested + b',"status":{"phase":"Running"}}')

    assert (read.row["uid"], read.row["labels"], read.row["phase"]) == ("u", '{"a":"b"}', "Running")
    assert read.row["object"] is None
    assert read.warnings == ("n has more than 500 levels of nesting: its row has no object",)


def test_many_brackets_are_no_deep_nesting() -> None:
    wide = {"spec": {"wide": [{"a": [{}]}, "[[[{{{"] * 2_000}}
    read = Read(web(**wide))

    assert json.loads(read.row["object"])["spec"] == wide["spec"]
    assert read.warnings == ()


@pytest.mark.parametrize(
    ("item", "column", "value"),
    [
        (b'{"metadata":{"uid":"u\xff","name":"n"}}', "uid", "u\ufffd"),
        (b'{"metadata":{"uid":"u","name":"n\xff"}}', "name", "n\ufffd"),
        (b'{"metadata":{"uid":"u","name":"n","labels":{"a":"\xed\xa0\x80"}}}', "labels", '{"a":"\ufffd\ufffd\ufffd"}'),
        (b'{"metadata":{"uid":"u","name":"n"},"spec":{"nodeName":"\xff"}}', "node_name", "\ufffd"),
    ],
)
def test_bytes_that_are_not_utf8_become_the_replacement_character(item: bytes, column: str, value: str) -> None:
    read = Read(item)

    assert read.row[column] == value
    assert "\ufffd" in read.row["object"]
    assert read.warnings[0].endswith(" has bytes that are not UTF-8: they became U+FFFD")


@pytest.mark.parametrize(
    ("metadata", "column", "value"),
    [
        ({"name": 1}, "name", None),
        ({"namespace": []}, "namespace", None),
        ({"labels": ["a"]}, "labels", "{}"),
        ({"labels": "kubectl"}, "labels", "{}"),
        ({"annotations": [resources.shared.LAST_APPLIED]}, "annotations", "{}"),
        ({"ownerReferences": [None, {"controller": True, "uid": "u9"}]}, "owner_uid", "u9"),
        ({"ownerReferences": [{"controller": True, "uid": "u9", "name": 5}]}, "owner_uid", "u9"),
        ({"ownerReferences": [{"controller": "yes", "uid": "u9"}]}, "owner_uid", None),
        ({"name": "x" * 513}, "name", None),
        ({"namespace": "\u00e9" * 257}, "namespace", None),
        ({"uid": "x" * 513}, "uid", f"sha256:{sha256(b'x' * 513).hexdigest()}"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("definition", [PODS, CUSTOM], ids=["pods", "widgets"])
def test_an_odd_field_of_the_metadata_costs_its_column_only(
    metadata: dict[str, Any], column: str, value: str | None, definition: Definition
) -> None:
    read = Read(web({"resourceVersion": "7"} | metadata, status={"phase": "Running"}), definition=definition)
    others = {"uid": "u1", "name": "web", "namespace": "shop", "resource_version": "7"}

    assert read.row[column] == value
    assert {name: read.row[name] for name in others if name != column} == {
        name: other for name, other in others.items() if name != column
    }
    assert read.row["phase" if definition is PODS else "kind"] == ("Running" if definition is PODS else "Widget")
    assert json.loads(read.row["object"])["metadata"].items() >= metadata.items()
    (warning,) = read.warnings
    assert warning.startswith(("shop/", "web has", "\u00e9"))


def test_an_object_whose_uid_is_no_text_is_known_by_resource_namespace_and_name() -> None:
    read = Read(web({"uid": 1}), definition=CUSTOM)

    assert read.row["uid"] == "widgets.example.com/shop/web"
    assert len(read.warnings) == 2


@pytest.mark.parametrize("labels", [{"a": 5}, {"a": None}, {"a": {"b": []}}])
def test_labels_that_are_no_text_are_kept_as_they_are(labels: dict[str, Any]) -> None:
    assert json.loads(Read(web({"labels": labels})).row["labels"]) == labels
    assert json.loads(Read(web({"labels": labels}), definition=NODES).row["labels"]) == labels


@pytest.mark.parametrize(
    ("resource", "members", "column", "value"),
    [
        ("deployments", {"spec": {"replicas": 3_000_000_000}}, "replicas", None),
        ("deployments", {"spec": {"replicas": -3_000_000_000}}, "replicas", None),
        ("deployments", {"spec": {"replicas": 1.5}}, "replicas", None),
        ("deployments", {"spec": {"replicas": True}}, "replicas", None),
        ("deployments", {"spec": {"replicas": "3"}}, "replicas", None),
        ("deployments", {"spec": {"replicas": 10**30}}, "replicas", None),
        ("deployments", {"spec": {"paused": "yes"}}, "paused", None),
        ("deployments", {"status": {"readyReplicas": "3"}}, "ready", None),
        ("deployments", {"spec": {"strategy": {"type": 5}}}, "strategy", None),
        ("pods", {"status": {"podIP": "10.0.0.1/24"}}, "pod_ip", None),
        ("pods", {"status": {"podIP": "fe80::1%eth0"}}, "pod_ip", None),
        ("pods", {"status": {"hostIP": "010.0.0.1"}}, "host_ip", None),
        ("pods", {"status": {"startTime": "2026-01-05T08:00:00"}}, "started_at", None),
        ("pods", {"status": {"startTime": "2026-01-05T24:00:00Z"}}, "started_at", None),
        ("pods", {"status": {"startTime": "9999-12-31T23:59:59-01:00"}}, "started_at", None),
        ("pods", {"status": {"containerStatuses": [{"restartCount": 2**31}]}}, "restarts", None),
        ("services", {"spec": {"clusterIPs": ["10.0.0.1", "10.0.0.1/8"]}}, "cluster_ips", None),
        ("nodes", {"status": {"capacity": {"cpu": 4}}}, "cpu_capacity", None),
        ("nodes", {"status": {"addresses": [{"type": "InternalIP", "address": "1"}]}}, "internal_ip", None),
        ("namespaces", {"status": {"phase": ["Active"]}}, "phase", None),
        ("crds", {"spec": {"names": {"kind": 5}}}, "kind", None),
    ],
)
def test_what_a_column_cannot_hold_is_null_and_the_others_are_as_they_are(
    resource: str, members: dict[str, Any], column: str, value: object
) -> None:
    definition = resources.CATALOGUE[resource]
    odd, good = Read(web(**members), definition=definition), Read(web(), definition=definition)

    assert odd.row[column] == value
    assert {name for name in odd.row if odd.row[name] != good.row[name]} <= {column, "status", "problem", "object"}
    assert json.loads(odd.row["object"]).items() >= members.items()
    (warning,) = odd.warnings
    assert "web has a " in warning


def test_an_item_of_a_list_that_cannot_be_read_is_left_out() -> None:
    versions = [{"name": 5, "served": True}, {"name": "v1", "served": True, "storage": True}]
    read = Read(web(spec={"versions": versions}), definition=resources.CATALOGUE["crds"])

    assert (read.row["served_versions"], read.row["storage_version"]) == (["v1"], "v1")
    (warning,) = read.warnings
    assert warning.startswith("shop/web has a spec.versions[].name that cannot be read (")


@pytest.mark.parametrize(("written", "whole"), [(b"1.0", 1), (b"1e3", 1000), (b"-0.0", 0)])
def test_a_whole_number_is_one_however_it_is_written(written: bytes, whole: int) -> None:
    item = b'{"metadata":{"uid":"u","name":"n"},"spec":{"replicas":%s}}' % written
    read = Read(item, definition=resources.CATALOGUE["deployments"])

    assert (read.row["replicas"], read.warnings) == (whole, ())


IN_SPEC = {"images", "host_network", "node_name"}
IN_STATUS = {"status", "problem", "phase", "restarts"}


@pytest.mark.parametrize(
    ("members", "lost", "kept"),
    [
        ({"spec": "text"}, IN_SPEC | IN_STATUS, {"pod_ip"}),
        ({"spec": {"containers": {"web": {}}, "hostNetwork": True}}, {"images"} | IN_STATUS, {"host_network"}),
        ({"spec": {"containers": 5, "nodeName": "n"}}, {"images"} | IN_STATUS, {"node_name"}),
        ({"status": {"containerStatuses": [{"restartCount": "many"}]}}, IN_STATUS, IN_SPEC),
    ],
)
def test_an_object_of_an_unexpected_shape_keeps_what_can_be_read(
    members: dict[str, Any], lost: set[str], kept: set[str]
) -> None:
    well = {"spec": {"nodeName": "n", "hostNetwork": True}, "status": {"phase": "Pending", "podIP": "10.0.0.1"}}
    read = Read(web({"labels": {"a": "b"}}, **(well | members)))

    assert (read.row["uid"], read.row["labels"]) == ("u1", '{"a": "b"}')
    assert json.loads(read.row["object"]).items() >= members.items()
    assert {name for name in lost if read.row[name] is None} == lost
    assert {name for name in kept if read.row[name] is not None} == kept
    (warning,) = read.warnings
    assert warning.startswith("shop/web has a s")
    assert "that cannot be read (Expected `" in warning
    assert warning.endswith("what comes of it is NULL")


def test_a_value_that_nothing_can_be_computed_of_costs_what_is_computed_of_it() -> None:
    spec = {"nodeName": "n", "containers": [{"name": "web", "image": "a", "resources": {"requests": {"cpu": "much"}}}]}
    read = Read(web(spec=spec))

    assert (read.row["cpu_requests"], read.row["memory_requests"]) == (None, None)
    assert (read.row["node_name"], read.row["images"], read.row["without_liveness_probe"]) == ("n", ["a"], ["web"])
    assert read.warnings == (
        "shop/web has not the shape of a Pod ('much' is not a quantity): "
        "cpu_requests, memory_requests, cpu_limits, memory_limits are NULL",
    )


@pytest.mark.parametrize(
    ("field", "value", "column"),
    [
        ("creationTimestamp", "yesterday", "created_at"),
        ("creationTimestamp", 1767600000.5e30, "created_at"),
        ("creationTimestamp", "-0001-01-01T00:00:00Z", "created_at"),
        ("deletionTimestamp", {}, "deletion_timestamp"),
        ("ownerReferences", "nobody", "owner_uid"),
        ("resourceVersion", 17, "resource_version"),
    ],
)
def test_odd_metadata_of_an_object_costs_the_column_only(field: str, value: object, column: str) -> None:
    metadata = {"labels": {"a": "b"}, "resourceVersion": "1", "creationTimestamp": "2026-01-05T08:00:00Z"}
    odd, other = Read(
        web(metadata | {field: value}, status={"phase": "Pending"}), web({"uid": "u2"}, status={"phase": "Running"})
    ).rows

    assert odd[column] is None
    assert odd["phase"] == "Pending"
    assert (odd["uid"], odd["namespace"], odd["name"], odd["labels"]) == ("u1", "shop", "web", '{"a": "b"}')
    assert json.loads(odd["object"])["metadata"][field] == value
    assert other["phase"] == "Running"


def test_odd_metadata_is_a_warning() -> None:
    assert Read(web({"creationTimestamp": "yesterday"})).warnings == (
        "shop/web has a metadata.creationTimestamp that cannot be read (Invalid RFC3339 encoded datetime): "
        "what comes of it is NULL",
    )


def test_many_objects_of_one_kind_are_one_warning() -> None:
    odd = [web({"name": f"web-{number}", "creationTimestamp": "yesterday"}) for number in range(12)]

    assert Read(*odd).warnings == (
        "12 objects have a metadata.creationTimestamp that cannot be read (Invalid RFC3339 encoded datetime), "
        "for example shop/web-0: what comes of it is NULL",
    )


def test_an_unexpected_shape_of_one_object_is_no_matter_for_the_others() -> None:
    read = Read(web(spec=1), web({"uid": "u2"}, status={"phase": "Running"}))

    assert [row["phase"] for row in read.rows] == [None, "Running"]


def test_fields_that_are_null_are_as_if_they_were_missing() -> None:
    read = Read(web(spec={"containers": None, "nodeName": None}, status={"conditions": None, "podIP": None}))

    assert read.warnings == ()
    assert read.row["images"] == []


@pytest.mark.parametrize(
    ("written", "year"),
    [
        ("0001-01-01T00:00:00Z", 1),
        ("2026-01-05T08:00:00.123456789Z", 2026),
        ("2026-01-05T08:00:00+02:00", 2026),
        ("9999-12-31T23:59:59Z", 9999),
    ],
)
def test_odd_times_are_times(written: str, year: int) -> None:
    assert Read(web({"creationTimestamp": written})).row["created_at"].year == year


def test_replaced_characters_are_a_warning_that_names_an_object() -> None:
    items = [
        b'{"metadata":{"uid":"u1","namespace":"shop","name":"one","labels":{"\\u0000":"a","\\ud800":"b"}}}',
        b'{"metadata":{"uid":"u2","namespace":"shop","name":"two\\u0000"}}',
        b'{"metadata":{"uid":"u3","namespace":"shop","name":"three"}}',
    ]
    read = Read(*items)

    assert [row["name"] for row in read.rows] == ["one", "two\ufffd", "three"]
    assert read.warnings == (
        "2 objects have characters that PostgreSQL cannot hold (NUL, lone surrogates), for example shop/one: "
        "they became U+FFFD",
    )


def test_of_many_warnings_the_first_twenty_are_said_and_the_others_counted() -> None:
    remarks = Remarks()
    for number in range(25):
        remarks.add("shop/web", f"a field{number}", "it is NULL")
    lines = list(remarks)

    assert len(lines) == 21
    assert lines[0] == "shop/web has a field0: it is NULL"
    assert lines[-1] == "and 5 more"


def test_a_name_of_any_length_is_cut_in_a_warning() -> None:
    (warning,) = Read(web({"name": "x" * 10_000})).warnings

    assert len(warning) < 200


@pytest.mark.parametrize("name", [name for name in resources.CATALOGUE if name != "clusters"])
def test_null_in_the_place_of_an_object_is_absent(name: str) -> None:
    definition = resources.CATALOGUE[name]
    metadata = {"name": "web", "namespace": "shop", "uid": "u1"}
    without = Read({"metadata": metadata}, definition=definition)
    read = Read({"metadata": metadata, "spec": None, "status": None}, definition=definition)

    assert (read.row | {"object": None}, read.warnings) == (without.row | {"object": None}, without.warnings)


@pytest.mark.parametrize("name", [None, ""])
def test_an_object_without_a_name_has_a_row_and_a_warning(name: str | None) -> None:
    read = Read(web({"name": name, "uid": "u1"}))

    assert (read.row["uid"], read.row["name"]) == ("u1", name)
    assert [warning for warning in read.warnings if "has no name: its row has none" in warning]


def test_an_object_with_a_long_name_and_no_uid_has_a_digest_for_a_key() -> None:
    one, other = (Read({"metadata": {"name": letter * 10_000}}) for letter in "ab")

    assert one.row["uid"].startswith("sha256:")
    assert one.row["uid"] != other.row["uid"]
    assert one.row["name"] is None
