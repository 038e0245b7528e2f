"""What the plan operator returns for the sync to be mapped over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.providers.common.compat.sdk import AirflowFailException
from k8s_inventory_demo.simulator import Simulator

from airflow_provider_k8s_inventory.exceptions import KubeconfigError
from airflow_provider_k8s_inventory.operators.plan import KubernetesInventoryPlanOperator
from tests.airflow.tasks import execute


def plan(**arguments: Any) -> list[tuple[str, str]]:
    scopes = execute(KubernetesInventoryPlanOperator(task_id="plan", **arguments))
    return [(scope["cluster_context"], scope["resource"]) for scope in scopes]


def test_every_context_and_the_six_resources_by_default(kubeconfig: Path) -> None:
    six = ["clusters", "namespaces", "pods", "deployments", "services", "crds"]
    assert plan() == [(context, resource) for context in ("dev", "prod") for resource in six]


def test_a_cluster_that_is_down_is_planned_all_the_same(kubeconfig: Path, simulator: Simulator) -> None:
    simulator.stop("dev")
    assert plan(resource_names=["pods"]) == [("dev", "pods"), ("prod", "pods")]


@pytest.mark.parametrize(
    ("contexts", "exclude"),
    [
        (["dev"], ()),
        (["d*"], ()),
        ("[d]*", ()),
        ("dev", ()),
        ("['dev']", ()),
        ([], ["p*"]),
        (None, "prod"),
        ("None", "['prod']"),
    ],
)
def test_contexts_are_chosen_by_names_and_globs_native_or_rendered(
    contexts: Any, exclude: Any, kubeconfig: Path
) -> None:
    assert plan(contexts=contexts, exclude_contexts=exclude, resource_names=["pods"]) == [("dev", "pods")]


@pytest.mark.parametrize("name", ["{{ 7 * 7 }}", "[a]", "a, b", " dev ", "two\nlines", "{{ unclosed"])
def test_a_context_may_have_any_name(name: str, kubeconfig: Path) -> None:
    document = yaml.safe_load(kubeconfig.read_text())
    document["contexts"][0]["name"] = name
    kubeconfig.write_text(yaml.safe_dump(document))
    assert plan(contexts=[name], resource_names=["pods"]) == [(name, "pods")]
    assert plan(contexts=repr([name]), resource_names=["pods"]) == [(name, "pods")]


def test_the_order_is_the_kubeconfigs_and_then_the_resources(kubeconfig: Path) -> None:
    assert plan(contexts="prod, dev", resource_names="services, pods") == [
        ("dev", "services"),
        ("dev", "pods"),
        ("prod", "services"),
        ("prod", "pods"),
    ]


def test_two_names_of_one_resource_are_one_scope(kubeconfig: Path) -> None:
    assert plan(contexts=["dev"], resource_names=["deployments", "deployments.apps"]) == [("dev", "deployments")]


def test_a_custom_resource_is_planned_by_its_full_name(kubeconfig: Path) -> None:
    assert plan(contexts=["dev"], resource_names=["widgets.example.com"]) == [("dev", "widgets.example.com")]


@pytest.mark.parametrize(
    "arguments",
    [
        {"namespaces": ["a_b"]},
        {"label_selector": "a b"},
        {"label_selector": ["a=1", "a=2"]},
        {"field_selector": ["services:a=1"]},
        {"history": ["pods:soon"]},
    ],
    ids=str,
)
def test_a_selection_that_cannot_be_fails_the_plan(arguments: Any, kubeconfig: Path) -> None:
    with pytest.raises(AirflowFailException):
        plan(resource_names=["pods"], **arguments)


def test_a_selection_of_one_resource_is_for_the_syncs(kubeconfig: Path) -> None:
    assert ("dev", "pods") in plan(label_selector=["pods:app=web"], namespaces="!kube-*", field_selector="None")


def test_an_unknown_context_is_an_error_that_names_those_there_are(kubeconfig: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"'prd'.*prod, dev"):
        plan(contexts=["dev", "prd"])


@pytest.mark.parametrize(
    ("name", "planned"),
    [
        ("ing", "ingresses"),
        ("Deployments.v1.apps", "deployments"),
        ("cert", "cert"),
        ("certificates.v1beta1.cert-manager.io", "certificates.v1beta1.cert-manager.io"),
        ("*.Networking.k8s.io", "*.networking.k8s.io"),
    ],
)
def test_any_name_that_a_cluster_may_know_is_planned(name: str, planned: str, kubeconfig: Path) -> None:
    assert plan(contexts=["dev"], resource_names=[name]) == [("dev", planned)]


@pytest.mark.parametrize("name", ["pods/log", "two words", "deployments.v1beta1.apps"])
def test_a_name_that_no_cluster_can_serve_fails_the_plan(name: str, kubeconfig: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"never stored|cannot be a resource|leave the version out"):
        plan(resource_names=["pods", name])


def test_nothing_to_plan_is_an_error_as_airflow_would_skip_the_sync(kubeconfig: Path) -> None:
    with pytest.raises(AirflowFailException, match="excludes every one"):
        plan(exclude_contexts=["*"])


def test_no_kubeconfig_is_an_error_that_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    with pytest.raises(KubeconfigError, match="absent"):
        plan()


def test_more_scopes_than_airflow_maps_over_are_refused_with_the_way_out(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "11")
    with pytest.raises(AirflowFailException, match=r"12 scopes .* is 11.*AIRFLOW__CORE__MAX_MAP_LENGTH=12"):
        plan()


@pytest.mark.parametrize("contexts", [{"dev": 1}.items(), [1], "[1]"], ids=["pairs", "number", "rendered number"])
def test_what_is_no_list_of_names_is_refused(contexts: Any, kubeconfig: Path) -> None:
    with pytest.raises(AirflowFailException, match="contexts"):
        plan(contexts=contexts)
