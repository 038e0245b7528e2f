"""Who changed an object: what managedFields tell, and what they do not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from airflow_provider_k8s_inventory.sync import managers

NEW = {
    "metadata": {"labels": {"app": "web", "a.b/c": "d"}, "finalizers": ["keep"]},
    "spec": {
        "replicas": 3,
        "template": {"spec": {"containers": [{"name": "web", "image": "web:2", "args": ["-v"]}, {"name": "proxy"}]}},
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
}


def entry(manager: str, fields: dict[str, Any], time: str = "2026-01-01T00:00:00Z", **more: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Update",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


CONTAINERS: dict[str, Any] = {
    "f:spec": {
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"web"}': {".": {}, "f:name": {}, "f:image": {}, "f:args": {}},
                    'k:{"name":"proxy"}': {".": {}, "f:name": {}},
                }
            }
        }
    }
}
ENTRIES = [
    entry("kubectl-create", CONTAINERS),
    entry(
        "kubectl-label",
        {"f:metadata": {"f:labels": {"f:a.b/c": {}}, "f:finalizers": {'v:"keep"': {}}}},
        "2026-01-02T00:00:00Z",
    ),
    entry("hpa", {"f:spec": {"f:replicas": {}}}, "2026-01-03T00:00:00Z", subresource="scale"),
    entry(
        "controller",
        {"f:status": {"f:conditions": {'k:{"type":"Ready"}': {"f:status": {}, "f:type": {}}}}},
        "2026-01-04T00:00:00Z",
        subresource="status",
    ),
]


def changer(*path: str | int, entries: Any = ENTRIES) -> str | None:
    return managers.changer(managers.read(msgspec.json.encode(entries).decode()), [path], NEW)


@pytest.mark.parametrize(
    ("path", "who"),
    [
        (("spec", "replicas"), "hpa"),
        (("spec", "template", "spec", "containers", 0, "image"), "kubectl-create"),
        (("spec", "template", "spec", "containers", 0, "args", 0), "kubectl-create"),
        (("metadata", "labels", "a.b/c"), "kubectl-label"),
        (("metadata", "finalizers", 0), "kubectl-label"),
        (("status", "conditions", 0, "status"), "controller"),
        # Whole lists that grew or shrank.
        (("spec", "template", "spec", "containers"), "kubectl-create"),
        (("status", "conditions"), "controller"),
    ],
)
def test_the_manager_of_what_changed_changed_it(path: tuple[str | int, ...], who: str) -> None:
    assert changer(*path) == who


@pytest.mark.parametrize(
    ("path", "who"),
    [
        (("status", "conditions", 1, "status"), "controller"),
        (("metadata", "labels", "gone"), "hpa"),
        (("data", "x"), "hpa"),
    ],
)
def test_where_nobody_manages_what_changed_it_was_the_newest(path: tuple[str | int, ...], who: str) -> None:
    assert changer(*path) == who


def test_of_two_who_manage_it_the_newer_one_did() -> None:
    both = [entry("old", {"f:spec": {"f:replicas": {}}}), *ENTRIES]

    assert changer("spec", "replicas", entries=both) == "hpa"


@pytest.mark.parametrize("managed", [None, "", "null", "[]", "{}", '"odd"', "[1]", '[{"manager":1}]', "nonsense"])
def test_odd_or_no_managed_fields_name_nobody(managed: str | None) -> None:
    assert managers.changer(managers.read(managed), [("spec",)], NEW) is None


@pytest.mark.parametrize("fields", [None, [], "text", {"f:spec": None}, {"f:spec": []}, {'k:{"': {}}, {"k:1": {}}])
def test_odd_fields_cover_nothing(fields: Any) -> None:
    entries = [entry("odd", fields), entry("newest", {}, "2026-02-01T00:00:00Z")]

    assert changer("spec", "replicas", entries=entries) in {"newest", "odd"}


def test_the_creator_is_the_manager_of_the_second_in_which_it_was_made() -> None:
    read = managers.read(msgspec.json.encode(ENTRIES).decode())

    assert managers.creator(read, "2026-01-01T00:00:00Z") == "kubectl-create"
    assert managers.creator(read, "2025-12-31T00:00:00Z") is None
    # A controller that set the status in that second has not created it.
    assert managers.creator(read, "2026-01-04T00:00:00Z") is None


def test_who_changed_what_is_wanted_comes_before_who_answered_it() -> None:
    read = managers.read(msgspec.json.encode(ENTRIES).decode())
    changed: list[tuple[str | int, ...]] = [("status", "conditions", 0, "status"), ("metadata", "labels", "a.b/c")]

    assert managers.changer(read, changed, NEW) == "kubectl-label"
    assert managers.changer(read, [*changed, ("spec", "replicas")], NEW) == "hpa"


def test_entries_of_before_the_last_sync_are_not_needed() -> None:
    recent = managers.recent(msgspec.json.encode(ENTRIES), "2026-01-03T00:00:00Z")
    assert [each.manager for each in managers.read(recent)] == ["hpa", "controller"]
    assert managers.recent(msgspec.json.encode(ENTRIES), "2026-01-05T00:00:00Z") is None


@pytest.mark.parametrize("odd", [b'{"time":"2026-01-05T00:00:00Z"}', b'["time":"2026-01-05T00:00:00Z"'])
def test_what_is_no_list_of_entries_tells_nothing(odd: bytes) -> None:
    assert managers.recent(odd, "2026-01-05T00:00:00Z") is None


def test_who_writes_the_status_alone_removed_nothing_elsewhere() -> None:
    entries = [
        entry("alice", {"f:metadata": {"f:labels": {"f:app": {}}}}),
        entry("kubelet", {"f:status": {"f:podIP": {}}}, "2026-01-05T00:00:00Z", subresource="status"),
    ]
    read = managers.read(msgspec.json.encode(entries).decode())
    assert managers.changer(read, [("metadata", "labels", "gone"), ("status", "podIP")], NEW) == "alice"
    assert managers.changer(read[1:], [("metadata", "labels", "gone"), ("status", "podIP")], NEW) is None
    assert managers.changer(read, [("status", "podIP")], NEW) == "kubelet"
