"""The ClusterRole of SECURITY.md is enough for every resource in every mode, and none of its verbs can be missed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_k8s_inventory import resources
from tests.kit.agreement import EVERY_MODE
from tests.kit.cluster import LiveCluster
from tests.kit.live_inventory import UNCACHED, WITHOUT_UID, LiveInventory

SECURITY = (Path(__file__).parents[2] / "SECURITY.md").read_text()
(BLOCK,) = (block for block in re.findall(r"```yaml\n(.*?)```", SECURITY, re.DOTALL) if "kind: ClusterRole\n" in block)
ROLE = next(document for document in yaml.safe_load_all(BLOCK) if document["kind"] == "ClusterRole")

Rule = dict[str, Any]
RULES: list[Rule] = [
    rule | {"resources": [resource], "verbs": [verb]}
    for rule in ROLE["rules"]
    for resource in rule["resources"]
    for verb in rule["verbs"]
]
"""One for each verb of each resource."""


def said(rule: Rule) -> str:
    return f"{rule['verbs'][0]} {rule['resources'][0]}"


def only(verb: str) -> list[Rule]:
    return [rule for rule in RULES if rule["verbs"] == [verb]]


def name(rule: Rule) -> str:
    """The resource that a rule speaks of, as a sync is asked for it."""
    group = rule["apiGroups"][0]
    return resources.canonical(f"{rule['resources'][0]}.{group}" if group else rule["resources"][0])


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return itertools.count()


@pytest.fixture
def stir(cluster: LiveCluster, numbers: Iterator[int]) -> Callable[[], None]:
    """Write something, so that a watch has something to tell."""

    def write() -> None:
        body = {"metadata": {"name": f"stirred-{next(numbers)}"}}
        cluster.request("POST", "/api/v1/namespaces/default/configmaps", body)

    return write


@EVERY_MODE
@pytest.mark.parametrize("resource", [name for name in resources.CATALOGUE if name != "secrets"])
def test_it_is_enough(
    resource: str, cluster: LiveCluster, inventory: LiveInventory, populated_namespace: str, stir: Callable[[], None]
) -> None:
    context = cluster.restrict("reader", RULES)
    # While events stay, they are never read by their changes.
    first = inventory.sync(resource, context=context, keep_events=0)
    stir()
    second = inventory.sync(resource, context=context, keep_events=0)

    assert (first.status, second.status) == ("success", "success")
    if resource not in WITHOUT_UID:  # a line says what their rows are known by
        assert (first.warnings, second.warnings) == ((), ())
    if resource == "clusters" or not resources.CATALOGUE[resource].resource.watchable:
        assert second.mode == "full"
    elif resource in UNCACHED and inventory.mode == "delta":
        assert second.fallback is None or "no bookmark" in second.fallback
    else:
        assert (second.mode, second.fallback) == (inventory.mode, None)
    assert second.cluster_uid


@pytest.mark.parametrize("missing", only("list"), ids=said)
def test_without_list_a_resource_is_forbidden(missing: Rule, cluster: LiveCluster, inventory: LiveInventory) -> None:
    context = cluster.restrict("reader", [rule for rule in RULES if rule != missing])

    assert inventory.sync(name(missing), context=context).status == "forbidden"


@pytest.mark.parametrize("missing", only("watch"), ids=said)
def test_without_watch_the_mode_delta_is_not_possible(
    missing: Rule, cluster: LiveCluster, inventory: LiveInventory, populated_namespace: str, stir: Callable[[], None]
) -> None:
    context = cluster.restrict("reader", [rule for rule in RULES if rule != missing])
    inventory.sync(name(missing), context=context, keep_events=0)
    stir()
    report = inventory.sync(name(missing), context=context, mode="delta", keep_events=0)

    assert (report.status, report.mode) == ("success", "metadata")
    assert "forbidden" in (report.fallback or "")


@pytest.mark.parametrize("missing", only("get"), ids=said)
def test_without_get_on_kube_system_a_cluster_has_no_identity(
    missing: Rule, cluster: LiveCluster, inventory: LiveInventory
) -> None:
    assert missing["resourceNames"] == ["kube-system"]
    context = cluster.restrict("reader", [rule for rule in RULES if rule != missing])

    assert inventory.sync("clusters", context=context).status == "forbidden"
    assert inventory.sync("pods", context=context).cluster_uid is None
