"""A rule hides the changes at its place and below, whatever else is in the object, and never another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import Definition, Resource
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.resources.histories import DEFAULT, Histories
from airflow_provider_k8s_inventory.resources.noise import Noise
from airflow_provider_k8s_inventory.resources.steps import EACH

CERTIFICATES = custom.definition(
    Resource(group="cert-manager.io", version="v1", plural="certificates", kind="Certificate", namespaced=True)
)
KEYS = st.sampled_from(["spec", "status", "a", "a.b/c", "", "it's", '"', "*", "0", "\\", "[*]", "метка"])
STEPS = st.one_of(KEYS, st.integers(0, 3))
LEADER = ("metadata", "annotations", "control-plane.alpha.kubernetes.io/leader")


def of(resource: str, history: Any = None) -> Noise:
    definition = resources.CATALOGUE.get(resource, CERTIFICATES)
    return Histories.read(history).of(resource).noise_of(definition)


def noise(*rules: str, definition: Definition = CERTIFICATES) -> Noise:
    return Noise(definition, rules)


def written(rule: Sequence[Any]) -> str:
    """Write a path as people do."""
    return "".join(
        "[*]" if step == EACH else f"[{step}]" if isinstance(step, int) else f"['{_escaped(step)}']" for step in rule
    )


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace("'", "\\'")


def covers(rule: Sequence[Any], path: Sequence[Any]) -> bool:
    """Say by itself what a rule covers."""
    return len(rule) <= len(path) and all(
        part in (EACH, step) and type(part) in (tuple, type(step))
        for part, step in zip(rule, path[: len(rule)], strict=True)
    )


@given(
    st.lists(st.lists(st.one_of(STEPS.filter(bool), st.just(EACH)), min_size=1, max_size=4), max_size=4),
    st.lists(STEPS, max_size=6),
)
def test_rules_hide_what_they_cover_and_nothing_else(rules: list[list[Any]], path: list[Any]) -> None:
    rules = [[each for each in rule if each != ""] for rule in rules]
    rules = [rule for rule in rules if rule and rule[0] != EACH]

    assert noise(*map(written, rules)).hides(path) == any(covers(rule, path) for rule in rules)


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("pods", ("metadata", "resourceVersion")),
        ("pods", ("metadata", "generation")),
        ("pods", ("metadata", "managedFields", 3, "time")),
        ("pods", ("status", "conditions", 2, "lastProbeTime")),
        ("nodes", ("status", "conditions", 0, "lastHeartbeatTime")),
        ("nodes", ("status", "images")),
        ("nodes", ("status", "images", 7, "sizeBytes")),
        ("nodes", ("status", "volumesInUse")),
        ("deployments", ("status", "observedGeneration")),
        ("deployments", ("status", "conditions", 0, "lastUpdateTime")),
        ("endpoints", LEADER),
        ("configmaps", LEADER),
        ("horizontalpodautoscalers", ("status", "currentMetrics", 0, "resource", "current", "averageUtilization")),
        ("replicasets", ("metadata", "annotations", "deployment.kubernetes.io/desired-replicas")),
        ("certificates.cert-manager.io", ("status", "conditions", 0, "lastTransitionTime")),
    ],
)
def test_what_changes_all_the_time_is_noise(resource: str, path: tuple[str | int, ...]) -> None:
    assert of(resource).hides(path)
    assert not of(resource, "exact").hides(path)


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("pods", ()),
        ("pods", ("status",)),
        ("pods", ("status", "conditions")),
        ("pods", ("status", "conditions", 2)),
        ("pods", ("status", "conditions", 2, "status")),
        ("pods", ("status", "images")),
        ("pods", ("metadata",)),
        ("configmaps", ("metadata", "annotations")),
        ("configmaps", ("metadata", "labels", "control-plane.alpha.kubernetes.io/leader")),
        ("deployments", ("metadata", "annotations", "deployment.kubernetes.io/revision")),
        ("horizontalpodautoscalers", ("status", "currentReplicas")),
    ],
)
def test_what_means_something_is_not(resource: str, path: tuple[str | int, ...]) -> None:
    assert not of(resource).hides(path)


def test_a_rule_below_another_changes_nothing() -> None:
    for rules in (("status", "status.a.b"), ("status.a.b", "status")):
        assert noise(*(f".{rule}" for rule in rules)).hides(("status", "c"))


def test_a_rule_of_somebody_is_for_its_resource() -> None:
    history = "certificates.cert-manager.io:status.renewalTime"

    assert of("certificates.cert-manager.io", history).hides(("status", "renewalTime"))
    assert not of("pods", history).hides(("status", "renewalTime"))


@pytest.mark.parametrize(
    ("resource", "columns"),
    [
        ("pods", {"resource_version", "problem_since"}),
        ("deployments", {"resource_version", "problem_since"}),
        ("horizontalpodautoscalers", {"resource_version", "problem_since", "current_metrics"}),
        ("services", {"resource_version"}),
        # A sync stamps the one, and PostgreSQL repeats a column in the other.
        ("clusters", {"resource_version", "synced_at", "updated_at"}),
        ("certificates.cert-manager.io", {"resource_version"}),
    ],
)
def test_columns_are_noise_where_all_that_they_are_read_from_is(resource: str, columns: set[str]) -> None:
    names = [column.name for column in resources.CATALOGUE.get(resource, CERTIFICATES).table.columns]

    assert {name for name in names if of(resource).hides_column(name)} == columns
    assert not any(of(resource, "exact").hides_column(name) for name in names)


def test_a_column_is_noise_by_the_rule_of_somebody() -> None:
    assert of("pods", "pods:spec.containers[*].image").hides_column("images")
    assert not of("pods", "pods:spec.containers[0].image").hides_column("images")
    assert of("deployments", ".status").hides_column("ready")


def test_columns_of_json_say_what_they_repeat() -> None:
    copies = of("services").copies

    assert copies["annotations"] == ("metadata", "annotations")
    assert copies["labels"] == ("metadata", "labels")
    assert copies["selector"] == ("spec", "selector")
    assert "type" not in copies


def test_an_object_is_noise_by_its_whole_name() -> None:
    assert of("configmaps").hides_object("cluster-autoscaler-status", "kube-system")
    assert not of("configmaps").hides_object("my-cluster-autoscaler-status")
    assert not of("configmaps").hides_object(None)
    assert not of("pods").hides_object("cluster-autoscaler-status")


def test_every_rule_of_a_declaration_can_be_read() -> None:
    for name, definition in resources.CATALOGUE.items():
        DEFAULT.of(name).noise_of(definition)
