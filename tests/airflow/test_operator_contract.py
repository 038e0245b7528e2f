"""What Airflow demands of every operator: https://github.com/apache/airflow/issues/33786."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_k8s_inventory.operators.check import KubernetesInventoryCheckOperator
from airflow_provider_k8s_inventory.operators.migrate import KubernetesInventoryMigrateOperator
from airflow_provider_k8s_inventory.operators.plan import KubernetesInventoryPlanOperator
from airflow_provider_k8s_inventory.operators.report import KubernetesInventoryReportOperator
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator

OPERATORS: list[Any] = [
    KubernetesInventoryCheckOperator,
    KubernetesInventoryMigrateOperator,
    KubernetesInventoryPlanOperator,
    KubernetesInventoryReportOperator,
    KubernetesToPostgresOperator,
]
NOT_TEMPLATED = {"allow_exec", "trigger_rule", "kwargs", "self"}


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_argument_is_a_template_field(operator: type[Any]) -> None:
    assert set(inspect.signature(operator.__init__).parameters) - NOT_TEMPLATED == set(operator.template_fields)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_argument_is_kept_as_it_was_given(operator: type[Any]) -> None:
    given: dict[str, Any] = {name: object() for name in operator.template_fields}
    built = operator(task_id="it", **given)
    assert {name: getattr(built, name) for name in given} == given


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_template_field_says_so_in_the_docstring(operator: type[Any]) -> None:
    parameters = (operator.__doc__ or "").split(":param ")[1:]
    templated = {text.partition(":")[0] for text in parameters if "(templated)" in text}
    assert templated == set(operator.template_fields)


def test_who_triggers_a_run_cannot_allow_commands() -> None:
    assert all("allow_exec" not in operator.template_fields for operator in OPERATORS)


@pytest.mark.parametrize("operator", OPERATORS)
def test_parsing_a_dag_imports_neither_driver_nor_client(operator: type[Any]) -> None:
    code = f"import sys, {operator.__module__}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"psycopg", "kubernetes", "kubernetes_asyncio", "aiohttp"}
