"""The data that crosses rooms: names, paths, and the report as JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.model import (
    MEANINGS,
    Endpoint,
    Origin,
    Resource,
    Scope,
    Selection,
    Status,
    SyncReport,
)

PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
NODES = Resource(group="", version="v1", plural="nodes", kind="Node", namespaced=False)
DEPLOYMENTS = Resource(group="apps", version="v1", plural="deployments", kind="Deployment", namespaced=True)
STARTED = datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("resource", "name", "api_version"), [(PODS, "pods", "v1"), (DEPLOYMENTS, "deployments.apps", "apps/v1")]
)
def test_a_resource_is_named_as_kubectl_does(resource: Resource, name: str, api_version: str) -> None:
    assert (resource.name, resource.api_version) == (name, api_version)


@pytest.mark.parametrize(
    ("resource", "namespace", "path"),
    [
        (PODS, None, "/api/v1/pods"),
        (PODS, "shop", "/api/v1/namespaces/shop/pods"),
        (DEPLOYMENTS, None, "/apis/apps/v1/deployments"),
        (DEPLOYMENTS, "shop", "/apis/apps/v1/namespaces/shop/deployments"),
    ],
)
def test_its_path_depends_on_group_and_namespace(resource: Resource, namespace: str | None, path: str) -> None:
    assert resource.path(namespace) == path


def test_a_scope_is_shown_with_the_namespaces_it_is_narrowed_to() -> None:
    assert str(Scope(context_name="dev", resource="pods")) == "dev · pods"
    narrowed = Scope(context_name="dev", resource="pods", selection=Selection(namespaces=("b", "a", "b")))
    assert str(narrowed) == "dev · pods (a, b)"


def test_a_selection_is_the_same_whatever_the_order_it_was_written_in() -> None:
    selection = Selection(namespaces=("b", "a", "b"))

    assert selection == Selection(namespaces=("a", "b"))
    assert (str(selection), bool(selection)) == ("a, b", True)
    assert (str(Selection()), bool(Selection())) == ("", False)


@pytest.mark.parametrize("namespaces", [(), ("a",), ("a", "b")])
def test_a_selection_comes_back_from_its_columns(namespaces: tuple[str, ...]) -> None:
    selection = Selection(namespaces=namespaces)

    assert selection.columns["namespaces"] == (list(namespaces) or None)
    assert Selection.of_columns(selection.columns) == selection


@pytest.mark.parametrize("name", ["Shop", "a/b", "", "-a", "a" * 64])
def test_what_cannot_be_a_namespace_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="a namespace must consist of"):
        Selection(namespaces=(name,))


@pytest.mark.parametrize(
    ("resource", "namespaces", "paths"),
    [
        (PODS, (), ["/api/v1/pods"]),
        (PODS, ("b", "a"), ["/api/v1/namespaces/a/pods", "/api/v1/namespaces/b/pods"]),
        (NODES, ("a",), ["/api/v1/nodes"]),
    ],
)
def test_each_namespace_is_listed_on_its_own_but_of_what_is_in_none(
    resource: Resource, namespaces: tuple[str, ...], paths: list[str]
) -> None:
    assert [endpoint.path for endpoint in Selection(namespaces=namespaces).endpoints(resource)] == paths


def test_an_object_is_selected_by_its_name() -> None:
    (endpoint,) = Selection().narrowed("shop").endpoints(PODS)

    assert endpoint.named("a=b") == Endpoint("/api/v1/namespaces/shop/pods", {"fieldSelector": r"metadata.name=a\=b"})


def test_a_report_becomes_json_with_the_ledgers_fields_and_seconds() -> None:
    report = SyncReport(
        context_name="dev",
        cluster_uid="u",
        resource="pods",
        selection=Selection(namespaces=("a",)),
        status="success",
        started_at=STARTED,
        finished_at=STARTED + timedelta(milliseconds=1234),
        warnings=("w",),
        origin=Origin(dag_id="d", map_index=3),
    )
    fields = json.loads(json.dumps(report.as_dict()))

    assert fields["seconds"] == 1.234
    assert fields["started_at"] == "2026-01-05T08:00:00+00:00"
    assert (fields["namespaces"], fields["warnings"]) == (["a"], ["w"])
    assert (fields["dag_id"], fields["map_index"], fields["run_id"]) == ("d", 3, None)
    assert "origin" not in fields


@pytest.mark.parametrize(
    ("status", "good"),
    [
        ("success", True),
        ("absent", True),
        ("forbidden", False),
        ("unauthorized", False),
        ("unreachable", False),
        ("refused", False),
        ("failed", False),
    ],
)
def test_only_success_and_absent_are_good(status: str, good: bool) -> None:
    report = SyncReport(
        context_name="dev",
        cluster_uid=None,
        resource="pods",
        status=status,  # type: ignore[arg-type]
        started_at=STARTED,
        finished_at=STARTED,
    )
    assert report.good is good


def test_every_status_has_a_meaning_and_is_explained() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    explained = dict(re.findall(r"^\| `(\w+)` \| (.*)$", readme.partition("## Statuses")[2].partition("###")[0], re.M))
    assert set(get_args(Status)) == set(MEANINGS) == set(explained)
    unretried = {status for status, meaning in MEANINGS.items() if not (meaning.good or meaning.retried)}
    assert {status for status, words in explained.items() if "Airflow does not retry" in words} == unretried


def test_the_report_as_json_has_no_error_beside_its_reason() -> None:
    now = datetime(2026, 1, 5, 8, tzinfo=UTC)
    report = SyncReport(
        context_name="dev",
        cluster_uid=None,
        resource="pods",
        status="failed",
        started_at=now,
        finished_at=now,
        error=UsageError("no"),
    )
    assert "error" not in report.as_dict()
