"""The example DAGs within the package: to be imported and printed, and nothing that Airflow finds beside the copy."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from airflow.sdk import DAG

from airflow_provider_k8s_inventory import example_dags
from tests.airflow.bags import bag

FOLDER = Path(next(iter(example_dags.__path__)))


@pytest.mark.parametrize("name", ["k8s_inventory", "k8s_inventory_changes", "k8s_inventory_on_change"])
def test_it_can_be_imported(name: str) -> None:
    module = import_module(f"airflow_provider_k8s_inventory.example_dags.{name}")
    assert module.__file__ == str(FOLDER / f"{name}.py")
    assert module.DAG is DAG


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")  # Airflow's own, of any .airflowignore
def test_airflow_does_not_load_it_as_a_providers_example() -> None:
    assert bag(FOLDER).dags == {}
    assert bag(FOLDER).import_errors == {}
