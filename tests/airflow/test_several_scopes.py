"""Several scopes in one task, for fleets: how they are planned, synced, reported and failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from k8s_inventory_demo.simulator import Fault, Rule, Simulator, User

from airflow_provider_k8s_inventory.exceptions import ScopeError
from airflow_provider_k8s_inventory.operators.plan import KubernetesInventoryPlanOperator
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator
from tests.airflow.tasks import TaskInstance, execute
from tests.kit.objects import widget_definition

DEFINITION = widget_definition(versions=("v1", "v1beta1"))


def sync(resource: Any, ti: TaskInstance | None = None, **arguments: Any) -> Any:
    operator = KubernetesToPostgresOperator(task_id="sync", cluster_context="dev", resource=resource, **arguments)
    return execute(operator, ti)


def ledger(dsn: str) -> set[tuple[str, str, int]]:
    with psycopg.connect(dsn) as conn:
        return set(conn.execute("SELECT resource, status, map_index FROM k8s_syncs").fetchall())


@pytest.mark.parametrize("resource", [["po", "deployments"], "pods,deployments", "['pods', 'deployments']"])
@pytest.mark.usefixtures("kubeconfig")
def test_each_scope_has_its_own_line_in_the_ledger(resource: Any, inventory: str) -> None:
    sync(resource, TaskInstance("sync", map_index=3))
    assert ledger(inventory) == {("pods", "success", 3), ("deployments", "success", 3)}


@pytest.mark.usefixtures("kubeconfig")
def test_what_is_returned_sums_them_up(inventory: str) -> None:
    assert sync("pods,deployments") == {
        "context_name": "dev",
        "status": "success",
        "scopes": 2,
        "failed": [],
        "seen": 14,
        "inserted": 14,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "unselected": 0,
    }


@pytest.mark.usefixtures("kubeconfig")
def test_a_star_is_all_that_the_cluster_serves_but_secrets(simulator: Simulator, inventory: str) -> None:
    simulator["dev"].create("crd", DEFINITION)
    assert sync("*")["failed"] == []
    synced = {resource for resource, *_ in ledger(inventory)}
    assert synced >= {
        *("clusters", "namespaces", "nodes", "pods", "deployments", "services", "crds"),
        *("configmaps", "ingresses", "widgets.example.com"),
    }
    assert "secrets" not in synced


@pytest.mark.usefixtures("kubeconfig")
@pytest.mark.parametrize(
    "resource", ["rbac,!clusterrole*,!sa", ["!sa", "rbac", "! ClusterRole*"], "['rbac', '!cluster*', '!sa']"]
)
def test_a_group_without_some_of_it(resource: Any, inventory: str) -> None:
    assert sync(resource)["scopes"] == 2
    assert {(name, status) for name, status, _ in ledger(inventory)} == {
        ("roles", "success"),
        ("rolebindings", "success"),
    }


@pytest.mark.usefixtures("kubeconfig")
def test_exclusions_alone_are_everything_else(simulator: Simulator, inventory: str) -> None:
    simulator["dev"].create("crd", DEFINITION)
    assert sync("!events")["failed"] == []
    synced = {resource for resource, *_ in ledger(inventory)}
    assert {"pods", "configmaps", "widgets.example.com"} <= synced
    assert {name for name in synced if name.startswith("events")} == set()


@pytest.mark.usefixtures("kubeconfig")
def test_what_is_named_and_left_out_is_wrong_usage(inventory: str) -> None:
    with pytest.raises(AirflowFailException, match=r"'po' is asked for by its name, and '!p\*' leaves it out"):
        sync("*,po,!p*")
    assert ledger(inventory) == set()


@pytest.mark.usefixtures("kubeconfig")
@pytest.mark.parametrize(
    ("name", "resource", "version"),
    [
        ("widget", "widgets.example.com", "v1"),
        ("widgets.v1beta1.example.com", "widgets.example.com", "v1beta1"),
    ],
)
def test_one_name_is_one_scope_by_its_full_name(
    name: str, resource: str, version: str, simulator: Simulator, inventory: str
) -> None:
    simulator["dev"].create("crd", DEFINITION)
    simulator["dev"].seed(resource, [{"metadata": {"name": "one", "namespace": "default"}}])
    assert sync(name)["resource"] == resource
    with psycopg.connect(inventory) as conn:
        assert conn.execute("SELECT DISTINCT resource, api_version FROM k8s_custom_resources").fetchall() == [
            (resource, version)
        ]


@pytest.mark.usefixtures("kubeconfig")
def test_a_name_that_means_nothing_fails_the_task_with_the_nearest(inventory: str) -> None:
    with pytest.raises(AirflowFailException, match=r"serves no resource 'deploymets' .* did you mean deployments\?"):
        sync("deploymets")


@pytest.mark.usefixtures("kubeconfig")
def test_one_scope_that_fails_leaves_the_others_synced(simulator: Simulator, inventory: str) -> None:
    simulator["dev"].inject(Fault(path="/deployments$", status=400, times=None))
    with pytest.raises(ScopeError, match=r"1 of 3 scopes failed: dev · deployments: failed: "):
        sync("pods,deployments,services")
    assert {(resource, status) for resource, status, _ in ledger(inventory)} == {
        ("pods", "success"),
        ("deployments", "failed"),
        ("services", "success"),
    }


@pytest.mark.usefixtures("kubeconfig")
def test_what_only_a_person_can_change_is_not_retried(simulator: Simulator, inventory: str) -> None:
    dev = simulator["dev"]
    name = next(iter(dev.users))
    user = dev.users[name]
    dev.add_user(User(name=name, token=user.token, denied=(Rule(resources=("deployments.apps",)),)))
    with pytest.raises(AirflowFailException, match="dev · deployments: forbidden"):
        sync("pods,deployments")


@pytest.mark.usefixtures("kubeconfig")
def test_secrets_are_synced_by_their_name(inventory: str) -> None:
    sync("pods,secrets")

    assert {(resource, status) for resource, status, _ in ledger(inventory)} == {
        ("pods", "success"),
        ("secrets", "success"),
    }


@pytest.mark.usefixtures("kubeconfig")
def test_no_resource_at_all_is_wrong_usage(inventory: str) -> None:
    with pytest.raises(AirflowFailException, match="resource must not be empty"):
        sync("")


def test_a_plan_may_group_the_resources_of_a_context(kubeconfig: Path) -> None:
    operator = KubernetesInventoryPlanOperator(
        task_id="plan", resource_names=["po", "*.example.com"], group_by="context"
    )
    assert execute(operator) == [
        {"cluster_context": "dev", "resource": "pods,*.example.com"},
        {"cluster_context": "prod", "resource": "pods,*.example.com"},
    ]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubeconfig of 100 contexts of one cluster."""
    cluster = {"name": "one", "cluster": {"server": "https://127.0.0.1:1"}}
    contexts = [{"name": f"c{number:03}", "context": {"cluster": "one", "user": "me"}} for number in range(100)]
    users = [{"name": "me", "user": {"token": "t"}}]
    path = tmp_path / "fleet"
    path.write_text(json.dumps({"clusters": [cluster], "contexts": contexts, "users": users}), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))


@pytest.mark.parametrize(
    ("names", "options", "tasks", "first"),
    [
        (["pods", "services"], {}, 200, "pods"),
        (["pods", "services", "!events"], {}, 200, "pods"),
        (["*", "!events"], {}, 100, "*,!events"),
        (["pods", "services", "nodes"], {}, 100, "pods,services,nodes"),
        (["pods", "services", "nodes"], {"group_by": "scope"}, 300, "pods"),
        (["pods"], {"group_by": "context"}, 100, "pods"),
    ],
)
@pytest.mark.usefixtures("fleet")
def test_a_plan_of_more_than_200_tasks_has_one_per_context(
    names: list[str], options: dict[str, Any], tasks: int, first: str
) -> None:
    planned = execute(KubernetesInventoryPlanOperator(task_id="plan", resource_names=names, **options))

    assert len(planned) == tasks
    assert planned[0] == {"cluster_context": "c000", "resource": first}
    assert len({(scope["cluster_context"], scope["resource"]) for scope in planned}) == tasks


@pytest.mark.parametrize(
    ("names", "planned"),
    [
        (["po", "rbac", "*.example.com", "!roles", "!w*"], ["pods", "rbac,!roles,!w*", "*.example.com,!roles,!w*"]),
        (["cert", "!*.example.com"], ["cert,!*.example.com"]),
        ("!ev", ["*,!events"]),
    ],
)
def test_an_exclusion_goes_with_all_it_may_take_away_from(names: Any, planned: list[str], kubeconfig: Path) -> None:
    operator = KubernetesInventoryPlanOperator(task_id="plan", contexts="dev", resource_names=names)
    assert [scope["resource"] for scope in execute(operator)] == planned


def test_a_plan_refuses_what_is_named_and_left_out(kubeconfig: Path) -> None:
    operator = KubernetesInventoryPlanOperator(task_id="plan", resource_names=["pods", "*", "!po"])
    with pytest.raises(AirflowFailException, match="'pods' is asked for by its name, and '!po' leaves it out"):
        execute(operator)


def test_grouping_by_something_else_is_wrong_usage(kubeconfig: Path) -> None:
    with pytest.raises(AirflowFailException, match="group_by must be 'auto' or 'scope' or 'context', got 'cluster'"):
        execute(KubernetesInventoryPlanOperator(task_id="plan", group_by="cluster"))


@pytest.mark.parametrize(
    ("resource", "label"),
    [
        ("pods", "{{ dev }} · pods"),
        ("*", "{{ dev }} · *"),
        ("*,!events", "{{ dev }} · *,!events"),
        ("pods,rbac,!roles", "{{ dev }} · 2 resources"),
        ("pods,services", "{{ dev }} · 2 resources"),
        (["pods", "services", "crds"], "{{ dev }} · 3 resources"),
    ],
    ids=str,
)
def test_a_mapped_task_is_labelled_by_its_scope(resource: Any, label: str) -> None:
    operator = KubernetesToPostgresOperator(task_id="sync", cluster_context="{{ dev }}", resource=resource)
    assert operator.scope == label


def test_a_label_fits_into_airflows_column() -> None:
    operator = KubernetesToPostgresOperator(task_id="sync", cluster_context="c" * 300, resource="pods")
    assert len(operator.scope) == 250
