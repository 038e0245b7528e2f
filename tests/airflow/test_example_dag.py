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
        "plan": {"sync", "report", "publish"},
        "sync": {"report", "publish"},
        "report": set(),
        "publish": set(),
    }


def test_the_form_takes_any_resource_and_asks_for_the_six(dag: Any) -> None:
    param = dag.params.get_param("resources")
    assert param.value == list(resources.DEFAULT)
    # With examples the form would offer those and no others.
    assert "examples" not in param.schema
    assert dag.params.validate() is not None
    param.resolve(["*.cert-manager.io", "ing"])


def test_every_question_of_the_form_has_a_title_and_a_description(dag: Any) -> None:
    params = {name: dag.params.get_param(name) for name in dag.params}
    assert {name for name, param in params.items() if not (param.schema.get("title") and param.description)} == set()


def test_every_choice_of_the_form_is_said_in_words(dag: Any) -> None:
    for name in ("on_delete", "mode"):
        schema = dag.params.get_param(name).schema
        assert set(schema["values_display"]) == set(schema["enum"])


def test_the_last_tasks_run_whatever_became_of_the_others(dag: Any) -> None:
    assert [dag.get_task(name).trigger_rule for name in ("report", "publish")] == ["all_done", "all_done"]


def test_the_asset_is_not_called_like_the_dag_and_a_task_that_cannot_fail_carries_it(dag: Any) -> None:
    assert dag.get_task("report").outlets == []
    assert [asset.name for asset in dag.get_task("publish").outlets] == ["k8s_inventory_tables"]


def test_runs_do_not_overlap(dag: Any) -> None:
    assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_it_is_short_enough_to_be_read_as_a_tutorial() -> None:
    source = (Path(DAGS) / "k8s_inventory.py").read_text()
    assert len(source.splitlines()) < 150
