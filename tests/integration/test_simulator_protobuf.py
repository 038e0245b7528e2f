"""A simulated server lists metadata in protobuf too, and says there what it says in JSON.

It is read with Google's own protobuf. That the bytes are those of a real server is tested in
`tests/clusters/test_simulator_parity.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

# Airflow brings it, by way of OpenTelemetry.
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from k8s_inventory_demo.simulator import Cluster
from k8s_inventory_demo.simulator.pods import pods

from tests.kit.objects import pod, widget_definition
from tests.kit.served import METADATA, Object, Served, serve

TWO_VERSIONS = widget_definition(versions=("v1beta1", "v1"), stored="v1")

PODS: Final = "/api/v1/pods"
DEPLOYMENTS: Final = "/apis/apps/v1/deployments"
JSON: Final = METADATA.format("List")
PROTOBUF: Final = JSON.replace("application/json", "application/vnd.kubernetes.protobuf")

# From pkg/apis/meta/v1/generated.proto and pkg/runtime/generated.proto of k8s.io/apimachinery; a map is its entries.
MESSAGES: Final = {
    "Unknown": "1 typeMeta TypeMeta, 2 raw bytes, 3 contentEncoding string, 4 contentType string",
    "TypeMeta": "1 apiVersion string, 2 kind string",
    "PartialObjectMetadataList": "1 metadata ListMeta, 2 items PartialObjectMetadata[]",
    "PartialObjectMetadata": "1 metadata ObjectMeta",
    "ListMeta": "1 selfLink string, 2 resourceVersion string, 3 continue string, 4 remainingItemCount int64",
    "ObjectMeta": "1 name string, 2 generateName string, 3 namespace string, 4 selfLink string, 5 uid string,"
    "6 resourceVersion string, 7 generation int64, 8 creationTimestamp Time, 9 deletionTimestamp Time,"
    "10 deletionGracePeriodSeconds int64, 11 labels Entry[], 12 annotations Entry[],"
    "13 ownerReferences OwnerReference[], 14 finalizers string[], 17 managedFields ManagedFieldsEntry[]",
    "Time": "1 seconds int64, 2 nanos int32",
    "Entry": "1 key string, 2 value string",
    "OwnerReference": "1 kind string, 3 name string, 4 uid string, 5 apiVersion string, 6 controller bool,"
    "7 blockOwnerDeletion bool",
    "ManagedFieldsEntry": "1 manager string, 2 operation string, 3 apiVersion string, 4 time Time,"
    "6 fieldsType string, 7 fieldsV1 FieldsV1, 8 subresource string",
    "FieldsV1": "1 Raw bytes",
}


def _described() -> Any:
    """The messages as Google's protobuf knows them."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="metadata.proto", syntax="proto2")
    for message, fields in MESSAGES.items():
        described = file.message_type.add(name=message)
        for number, name, type_ in (text.split() for text in fields.split(",")):
            label = field.LABEL_REPEATED if type_.endswith("[]") else field.LABEL_OPTIONAL
            of = type_.removesuffix("[]")
            kind = {"type_name": of} if of in MESSAGES else {"type": getattr(field, f"TYPE_{of.upper()}")}
            described.field.add(number=int(number), name=name, label=label, **kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


POOL: Final = _described()


def message(type_: str, data: bytes) -> Any:
    """A message, once it is sure that all of its bytes were understood."""
    read = message_factory.GetMessageClass(POOL.FindMessageTypeByName(type_)).FromString(data)
    read.DiscardUnknownFields()
    assert read.SerializeToString() == data
    return read


def plain(read: Any) -> Any:
    """A message as JSON has it: maps as objects, times as text, and without what is empty."""
    match read.DESCRIPTOR.name:
        case "Time":
            return f"{datetime.fromtimestamp(read.seconds, UTC):%Y-%m-%dT%H:%M:%SZ}" if read.ListFields() else ""
        case "FieldsV1":
            return json.loads(read.Raw)
    found = {field.name: _value(field, value) for field, value in read.ListFields()}
    if not found.get("generation"):
        found.pop("generation", None)
    return {name: value for name, value in found.items() if value != ""}


def _value(field: Any, value: Any) -> Any:
    if field.name in ("labels", "annotations"):
        keys = [entry.key for entry in value]
        assert keys == sorted(keys)
        return {entry.key: entry.value for entry in value}
    if not field.is_repeated:
        return plain(value) if field.message_type else value
    return [plain(each) if field.message_type else each for each in value]


def listed(api: Served, path: str, **query: Any) -> Any:
    """A list that comes in protobuf, as JSON has it."""
    answer = api.send("GET", path, headers={"Accept": f"{PROTOBUF},{JSON}"}, **query)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/vnd.kubernetes.protobuf")
    assert answer.data[:4] == b"k8s\0"
    around = message("Unknown", answer.data[4:])
    assert (around.contentEncoding, around.contentType) == ("", "")
    return plain(around.typeMeta) | plain(message(around.typeMeta.kind, around.raw))


def listed_in_json(api: Served, path: str, **query: Any) -> Object:
    """The same list in JSON, without the kind that its items repeat."""
    page = api.get(path, accept=JSON, **query)
    return page | {"items": [{"metadata": item["metadata"]} for item in page["items"]]}


EVERYTHING: Final[Object] = {
    "name": "everything",
    "generateName": "every",
    "namespace": "default",
    "selfLink": "/api/v1/pods/everything",
    "uid": "u-1",
    "generation": 300,
    "creationTimestamp": "2026-01-05T08:00:00Z",
    "deletionTimestamp": "2026-01-05T08:00:31Z",
    "deletionGracePeriodSeconds": 0,
    "labels": {"b": "", "a": "x" * 128, "B": "é"},
    "annotations": {"z": "\0\n<&>", "a/é": "😀" * 5000, "a": "1"},
    "ownerReferences": [
        {"apiVersion": "v1", "kind": "Node", "name": "one", "uid": "u-2"},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u-3", "controller": True},
        {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": False, "blockOwnerDeletion": True},
    ],
    "finalizers": ["example.com/b", "example.com/a"],
    "managedFields": [
        {
            "manager": "kubelet",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-01-05T08:00:05Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:status": {"f:conditions": {".": {}, 'k:{"type":"é"}': {}}}},
            "subresource": "status",
        },
        {"manager": "kubectl", "operation": "Apply", "apiVersion": "v1"},
    ],
}


@pytest.fixture
def api() -> Iterator[Served]:
    cluster = Cluster("dev")
    cluster.seed("pods", [*pods(30), {"metadata": EVERYTHING, "spec": {"nodeName": "one"}}])
    cluster.seed("deployments", [{"metadata": {"name": "web", "namespace": "default"}}])
    with serve(cluster) as served:
        yield served


def test_it_says_what_json_says(api: Served) -> None:
    page = listed(api, PODS)
    assert page == listed_in_json(api, PODS)
    assert EVERYTHING.items() <= page["items"][0]["metadata"].items()


@pytest.mark.parametrize("query", [{"limit": 12}, {"limit": 12, "labelSelector": "pod-template-hash"}])
def test_its_pages_are_those_of_json(api: Served, query: Object) -> None:
    tokens = [page["metadata"].get("continue", "") for page in api.pages(PODS, accept=JSON, **query)]
    assert len(tokens) == 3
    for token in ("", *tokens[:-1]):
        at = query | {"continue": token}
        assert listed(api, PODS, **at) == listed_in_json(api, PODS, **at)


def test_an_empty_list_has_no_items(api: Served) -> None:
    version = str(api.cluster.resource_version)
    kind = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
    assert listed(api, "/api/v1/services") == kind | {"metadata": {"resourceVersion": version}}


def test_custom_resources_have_it_too(api: Served) -> None:
    api.cluster.create("crd", TWO_VERSIONS)
    api.cluster.create("widgets", {"metadata": {"name": "one", "labels": {"a": "b"}}}, "default")
    page = listed(api, "/apis/example.com/v1/widgets")
    assert page == listed_in_json(api, "/apis/example.com/v1/widgets")
    assert page["items"][0]["metadata"]["generation"] == 1


def test_it_shows_what_was_changed_since_the_last_list(api: Served) -> None:
    listed(api, PODS)
    api.cluster.patch("pods", "everything", {"metadata": {"labels": {"new": "yes"}}}, "default")
    api.cluster.create("pods", pod("another", labels={"app": "web"}))
    page = listed(api, PODS, labelSelector="new")
    assert page == listed_in_json(api, PODS, labelSelector="new")
    assert page["items"][0]["metadata"]["labels"]["new"] == "yes"
    assert len(listed(api, PODS)["items"]) == 32


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-01-05T08:00:00Z", 1767600000),
        ("2026-01-05T08:00:00.999999Z", 1767600000),
        ("2026-01-05T13:30:00+05:30", 1767600000),
        ("1969-12-31T23:59:59Z", -1),
        ("9999-12-31T23:59:59Z", 253402300799),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("2026-01-05", None),
        (None, None),
    ],
)
def test_times_are_whole_seconds(api: Served, written: str | None, seconds: int | None) -> None:
    odd = {"name": "odd", "creationTimestamp": written, "labels": None, "ownerReferences": None, "namespace": None}
    api.cluster.seed("nodes", [{"metadata": odd}], as_is=True)
    answer = api.send("GET", "/api/v1/nodes", headers={"Accept": PROTOBUF})
    (item,) = message("PartialObjectMetadataList", message("Unknown", answer.data[4:]).raw).items
    assert item.metadata.name == "odd"
    assert item.metadata.HasField("creationTimestamp")
    time = item.metadata.creationTimestamp
    assert (time.seconds if time.HasField("seconds") else None) == seconds
    assert time.nanos == 0


def test_big_answers_are_compressed(api: Served) -> None:
    api.cluster.seed("pods", pods(1000))
    accepted = {"Accept": PROTOBUF, "Accept-Encoding": "gzip"}
    answer = api.send("GET", PODS, headers=accepted)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.data == api.send("GET", PODS, headers={"Accept": PROTOBUF}).data


def test_of_both_forms_the_first_is_sent(api: Served) -> None:
    assert api.get(PODS, accept=f"{JSON},{PROTOBUF}")["kind"] == "PartialObjectMetadataList"
    assert listed(api, PODS, limit=1)["kind"] == "PartialObjectMetadataList"


@pytest.mark.parametrize("accept", [PROTOBUF, f"{PROTOBUF},{JSON}"])
def test_a_refusal_is_json(api: Served, accept: str) -> None:
    token = listed(api, PODS, limit=1)["metadata"]["continue"]
    api.cluster.create("pods", pod("new"))
    api.cluster.compact()
    assert api.get(PODS, accept=accept, **{"continue": token})["reason"] == "Expired"
    assert api.get("/api/v1/nothings", accept=accept)["reason"] == "NotFound"


def test_a_group_may_know_json_only(api: Served) -> None:
    api.cluster.json_only.add("apps")
    assert api.get(DEPLOYMENTS, accept=f"{PROTOBUF},{JSON}")["kind"] == "PartialObjectMetadataList"
    assert api.get(DEPLOYMENTS, accept=PROTOBUF)["reason"] == "NotAcceptable"
    assert len(listed(api, PODS)["items"]) == 31
    api.cluster.json_only.add("")
    assert api.get(PODS, accept=PROTOBUF)["code"] == 406


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (PODS, PROTOBUF.replace("List", "")),
        (PODS, PROTOBUF.replace("PartialObjectMetadataList", "Table")),
        (f"{PODS}?watch=1", PROTOBUF),
        ("/api/v1/namespaces/default/pods/everything", PROTOBUF),
        ("/api/v1/namespaces/default/pods/everything", PROTOBUF.replace("List", "")),
        ("/apis", PROTOBUF),
    ],
)
def test_only_lists_of_metadata_have_it(api: Served, path: str, accept: str) -> None:
    assert api.get(path, accept=accept)["code"] == 406
