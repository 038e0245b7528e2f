"""A value that comes from another task is never run as a template; one that the DAG's author wrote is."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, Param

from airflow_provider_k8s_inventory.operators.plan import KubernetesInventoryPlanOperator
from airflow_provider_k8s_inventory.operators.report import KubernetesInventoryReportOperator
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator

ODD = [
    "{{ 7 * 7 }}",
    "{{ conn.precious.password[::-1] }}",
    "{% for x in range(3) %}x{% endfor %}",
    "{# nothing #}",
    "{{ unclosed",
    "[a]",
    "['a', 'b']",
    "a, b",
    " dev ",
    "two\nlines",
    "rows.sql",
    "None",
    "ünïcode",
]


class TaskInstance(SimpleNamespace):
    """What Airflow asks of a task instance when it renders one."""

    def xcom_pull(self, **_: Any) -> Any:
        return self.xcom


def dag() -> DAG:
    return DAG("d", schedule=None, params={"x": Param("from the form")})


def rendered(task: Any, xcom: Any = None, map_index: int = 0) -> Any:
    """The operator as it would be executed."""
    ti = TaskInstance(task=task, map_index=map_index, xcom=xcom, task_id=task.task_id)
    context: Any = {
        "ti": ti,
        "dag": task.dag,
        "task": task,
        "params": {"x": "from the form"},
        "dag_run": SimpleNamespace(conf={}),
    }
    task.render_template_fields(context)
    return context["task"]


def planned(name: str) -> list[dict[str, str]]:
    return [{"cluster_context": name, "resource": "pods"}]


@pytest.mark.parametrize("name", ODD)
def test_what_a_plan_hands_on_is_data(name: str) -> None:
    with dag():
        plan = KubernetesInventoryPlanOperator(task_id="plan")
        sync = KubernetesToPostgresOperator.partial(task_id="sync", mode="{{ params.x }}").expand_kwargs(plan.output)
    found = rendered(sync, planned(name))
    assert (found.cluster_context, found.resource, found.mode) == (name, "pods", "from the form")


@pytest.mark.parametrize("name", ODD)
def test_what_a_plan_hands_on_is_data_after_it_was_mapped_too(name: str) -> None:
    with dag():
        plan = KubernetesInventoryPlanOperator(task_id="plan")
        sync = KubernetesToPostgresOperator.partial(task_id="sync").expand_kwargs(plan.output.map(dict))
    assert rendered(sync, planned(name)).cluster_context == name


@pytest.mark.parametrize("name", ODD)
def test_names_that_another_task_found_are_data_beside_what_the_author_wrote(name: str) -> None:
    with dag():
        find = KubernetesInventoryPlanOperator(task_id="find")
        sync = KubernetesToPostgresOperator.partial(task_id="sync").expand(
            cluster_context=find.output, resource=["{{ params.x }}"]
        )
    found = rendered(sync, [name])
    assert (found.cluster_context, found.resource) == (name, "from the form")


def test_a_list_the_author_wrote_is_rendered() -> None:
    with dag():
        sync = KubernetesToPostgresOperator.partial(task_id="sync").expand_kwargs(
            [{"cluster_context": "{{ params.x }}", "resource": "pods"}]
        )
    assert rendered(sync).cluster_context == "from the form"


def test_an_argument_the_author_wrote_is_rendered_where_nothing_is_mapped() -> None:
    with dag():
        sync = KubernetesToPostgresOperator(task_id="sync", cluster_context="{{ params.x }}", resource="pods")
    assert rendered(sync).cluster_context == "from the form"


def test_an_argument_that_comes_from_a_task_is_data_where_nothing_is_mapped() -> None:
    with dag():
        find = KubernetesInventoryPlanOperator(task_id="find")
        sync = KubernetesToPostgresOperator(task_id="sync", cluster_context=find.output, resource="pods")  # type: ignore[arg-type]
    assert rendered(sync, "{{ 7 * 7 }}").cluster_context == "{{ 7 * 7 }}"


@pytest.mark.parametrize("name", ODD)
def test_the_reports_plan_is_data(name: str) -> None:
    with dag():
        plan = KubernetesInventoryPlanOperator(task_id="plan")
        report = KubernetesInventoryReportOperator(task_id="report", planned=plan.output)  # type: ignore[arg-type]
    assert rendered(report, json.loads(json.dumps(planned(name)))).planned == planned(name)
