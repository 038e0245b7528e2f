"""OpenLineage of a sync; in real task processes, with the provider's file transport, it is in `test_real_processes`."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from airflow.providers.postgres.hooks.postgres import PostgresHook
from k8s_inventory_demo.simulator import Fault, Simulator

from airflow_provider_k8s_inventory.exceptions import ScopeError
from airflow_provider_k8s_inventory.hooks.postgres import place
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator
from tests.airflow.tasks import TaskInstance, execute


@pytest.mark.usefixtures("kubeconfig")
def test_of_a_task_that_failed_it_tells_the_scopes_that_were_good(inventory: str, simulator: Simulator) -> None:
    simulator["dev"].inject(Fault(path="/services$", status=400, times=None))
    operator = KubernetesToPostgresOperator(
        task_id="sync", cluster_context="dev", resource="pods,services,deployments,certificates.cert-manager.io"
    )
    with suppress(ScopeError):
        execute(operator, TaskInstance("sync"))
    found = operator.get_openlineage_facets_on_complete(None)

    assert {each.name for each in found.inputs} >= {"pods", "deployments.apps"}
    assert "services" not in {each.name for each in found.inputs}
    assert {each.name.rpartition(".")[2] for each in found.outputs} >= {"k8s_pods", "k8s_deployments"}


def test_before_anything_was_synced_there_is_nothing_to_tell() -> None:
    operator = KubernetesToPostgresOperator(task_id="sync", cluster_context="dev", resource="pods")
    found = operator.get_openlineage_facets_on_complete(None)
    assert (found.inputs, found.outputs) == ([], [])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"host": "DB.example.com", "schema": "inventory"}, "db.example.com:5432"),
        ({"host": "db", "port": 5433, "schema": "inventory"}, "db:5433"),
        ({"host": "/var/run/postgresql", "schema": "inventory"}, None),
        ({"host": "a,b", "schema": "inventory"}, None),
        ({"host": "db"}, None),
        ({"extra": {"service": "inventory"}}, None),
    ],
)
def test_a_database_is_named_as_airflows_own_operators_name_it(
    fields: dict[str, Any], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PG", json.dumps({"conn_type": "postgres", **fields}))
    found = place("pg")

    assert (found.authority if found else None) == expected
    if found:
        hook = PostgresHook("pg")
        info = hook.get_openlineage_database_info(hook.connection)
        assert (info.scheme, info.authority, info.database) == ("postgres", found.authority, found.database)


def test_without_a_wish_for_it_nothing_of_openlineage_is_imported() -> None:
    code = (
        "import sys, airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres;"
        "print([name for name in sys.modules if name.startswith('openlineage')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
