"""The example DAG, run by `dag.test`: states, ledger, and what the report says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from airflow_provider_k8s_inventory.simulator import Simulator
from tests.airflow.conftest import DAGS

pytestmark = pytest.mark.usefixtures("metadata_database")


def run(**conf: Any) -> Any:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    return DagBag(DAGS).dags["k8s_inventory"].test(run_conf=conf)


def test_it(kubeconfig: Path, inventory: str, simulator: Simulator, capfd) -> None:
    r = run(resources=["pods", "services"])
    print(r.state, [(t.task_id, t.map_index, t.state, t.rendered_map_index) for t in r.get_task_instances()])
    simulator.stop("prod")
    r = run(resources=["pods", "services"])
    print(r.state, [(t.task_id, t.map_index, t.state, t.rendered_map_index) for t in r.get_task_instances()])
    with psycopg.connect(inventory) as c:
        for row in c.execute("select * from k8s_syncs"):
            print(row)
    assert 0
