"""The example DAG as Airflow parses it: no error, and the shape its readers are promised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_k8s_inventory import resources
from tests.airflow.bags import bag
from tests.airflow.conftest import DAGS


@pytest.fixture(scope="module")
def dag() -> Any:
    return bag().dags["k8s_inventory"]


def test_every_dag_is_parsed_without_an_error() -> None:
    parsed = bag()
    assert parsed.import_errors == {}
    assert len(parsed.dags) == len(list(Path(DAGS).glob("*.py")))


def test_the_tasks_follow_each_other(dag: Any) -> None:
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {
        "migrate": {"plan"},
        "plan": {"sync", "report"},
        "sync": {"report"},
        "report": set(),
    }


def test_the_form_offers_every_resource_and_asks_for_the_six(dag: Any) -> None:
    param = dag.params.get_param("resources")
    assert param.value == list(resources.DEFAULT)
    assert param.schema["examples"] == list(resources.CATALOGUE)


def test_the_report_runs_whatever_became_of_the_others_and_carries_the_asset(dag: Any) -> None:
    report = dag.get_task("report")
    assert report.trigger_rule == "all_done"
    assert [asset.name for asset in report.outlets] == ["k8s_inventory"]


def test_runs_do_not_overlap(dag: Any) -> None:
    assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_it_is_short_enough_to_be_read_as_a_tutorial() -> None:
    source = (Path(DAGS) / "k8s_inventory.py").read_text()
    assert len(source.splitlines()) < 80
