"""Rules say whose history is kept, for how long, and what is noise; the later ones over the earlier ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.resources.histories import DEFAULT, Histories
from airflow_provider_k8s_inventory.resources.noise import COMMON

NOISY = {"componentstatuses", "endpoints", "endpointslices", "events", "leases"}


def kept(history: Any, resource: str) -> tuple[bool, int | None]:
    found = Histories.read(history).of(resource)
    return found.on, found.days


def test_all_but_the_noisy_resources_have_a_history() -> None:
    assert {name for name in resources.CATALOGUE if not DEFAULT.of(name).on} == NOISY
    assert not DEFAULT.of("pods.metrics.k8s.io").on
    assert DEFAULT.of("certificates.cert-manager.io").on


@pytest.mark.parametrize(
    ("history", "resource", "expected"),
    [
        (None, "pods", (True, None)),
        (True, "leases", (False, None)),
        (False, "pods", (False, None)),
        ("off", "pods", (False, None)),
        (["off", "po:on"], "pods", (True, None)),
        (["off", "po:on"], "nodes", (False, None)),
        (["pods:90", "pods:off"], "pods", (False, 90)),
        (["Pod.v1:90", "*:7"], "pods", (True, 7)),
        (["7", "pods:0"], "pods", (True, 0)),
        ("workloads:60", "deployments", (True, 60)),
        ("*.cert-manager.io:off", "certificates.cert-manager.io", (False, None)),
        # Whoever wants the history of what changes all the time names it, as with secrets.
        ("on", "leases", (False, None)),
        ("90", "leases", (False, 90)),
        ("*:on", "pods.metrics.k8s.io", (False, None)),
        ("leases:on", "leases", (True, None)),
        ("leases:3", "leases", (True, 3)),
        (["leases:on", "90"], "leases", (True, 90)),
        ({"pods": 90, "leases": "on", "secrets": "off"}, "pods", (True, 90)),
        ({"pods": 90, "leases": "on", "secrets": False}, "secrets", (False, None)),
        ({"leases": True}, "leases", (True, None)),
        ({"nodes": {"days": 60, "on": False}}, "nodes", (False, 60)),
        ({"no": {"days": "60"}}, "nodes", (True, 60)),
        ({"*": "off", "nodes": ["on", 60]}, "nodes", (True, 60)),
    ],
)
def test_whose_history_is_kept(history: Any, resource: str, expected: tuple[bool, int | None]) -> None:
    assert kept(history, resource) == expected


@pytest.mark.parametrize(
    ("history", "added"),
    [
        ("nodes:status.images", ("status.images",)),
        ("status.refreshTime", ("status.refreshTime",)),
        ('no:metadata.annotations["a.b/c"]', ('metadata.annotations["a.b/c"]',)),
        ("metadata.annotations['a:b']", ("metadata.annotations['a:b']",)),
        ("metadata.annotations.a:b", ("metadata.annotations.a:b",)),
        ("nodes:.data", (".data",)),
        ("$.data", ("$.data",)),
        ({"nodes": {"noise": ["status.x", "data"]}}, (".status.x", ".data")),
        ({"nodes": {"noise": "status.x"}}, (".status.x",)),
        ({"pods": {"noise": ["status.x"]}}, ()),
    ],
)
def test_a_rule_adds_what_is_noise(history: Any, added: tuple[str, ...]) -> None:
    assert Histories.read(history).of("nodes").noise == (*DEFAULT.of("nodes").noise, *added)


@pytest.mark.parametrize("history", ["exact", "nodes:exact", {"nodes": {"noise": False}}, ["status.x", "exact"]])
def test_nothing_is_noise_where_history_is_to_be_exact(history: Any) -> None:
    assert not Histories.read(history).of("nodes").noise


def test_objects_that_change_all_the_time_are_noise_by_their_names_unless_history_is_to_be_exact() -> None:
    assert "cluster-autoscaler-status" in DEFAULT.of("configmaps").noisy_names
    assert not Histories.read("exact").of("configmaps").noisy_names
    assert Histories.read(["exact", "status.x"]).of("configmaps").noise == ("status.x",)


def test_a_custom_resource_has_the_common_rules() -> None:
    assert DEFAULT.of("certificates.cert-manager.io").noise == COMMON


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ("of", "history: 'of' is no rule; it can be off, on, exact (nothing is noise), a number of days (90; 0: for"),
        ("pods:", "history: 'pods:' is no rule; it can be"),
        ("", "history: '' is no rule"),
        ("pods:-1", "history: 'pods:-1': the days must be 0 (for ever) to 36500, got -1"),
        ("99999", "the days must be 0 (for ever) to 36500, got 99999"),
        ("certs:on", "history: 'certs:on' is for a resource that no cluster is asked for: write its full name"),
        ("pods/log:on", "history: 'pods/log:on' is no rule"),
        ("!pods:off", "history: '!pods:off' is no rule"),
        ("pods:status..x", "history: 'status..x' is no path at '..x'"),
        ("pods:[*]", "history: '[*]' would take every change for noise: to keep none, say off"),
        ("$", "history: '$' would take every change for noise"),
        (1.5, "history: 1.5 is no rule; it can be"),
        ({"pods": None}, "history: None is no rule"),
        ({"pods": {"hours": 5}}, "history: pods has no hours; it can have days, on, noise"),
        ({"pods": {"days": "many"}}, "history: pods has days that are no number: 'many'"),
        ({"pods": {"days": True}}, "history: pods has days that are no number: True"),
        ({"pods": {"noise": True}}, "history: noise must be paths such as status.refreshTime, or False for none, got"),
        ({"pods": {"noise": [5]}}, "history: noise must be paths such as status.refreshTime, or False for none, got 5"),
    ],
)
def test_what_is_no_rule_is_refused_with_what_is_allowed(history: Any, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Histories.read(history)


def test_rules_go_through_json_as_texts() -> None:
    histories = Histories.read({"pods": 90, "nodes": {"days": 60, "noise": ["status.x"]}, "leases": True})

    assert histories.texts == ("pods:90", "nodes:60", "nodes:.status.x", "leases:on")
    assert Histories.read(list(histories.texts)) == histories
    assert Histories.read(histories) == histories
