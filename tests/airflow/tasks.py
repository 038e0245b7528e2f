"""Run one operator's `execute` as Airflow does, without a run of its DAG."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow.sdk import BaseOperator


@dataclass
class TaskInstance:
    """What the operators ask of Airflow's task instance; what they push is kept."""

    task_id: str
    dag_id: str = "k8s_inventory"
    run_id: str = "manual__1"
    map_index: int = 3
    try_number: int = 2
    pushed: dict[str, Any] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    """Those of other instances of the run, by their name and map index: ``sync_0``."""

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def xcom_pull(self, **_: Any) -> Any:
        return None

    def get_task_states(self, dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, dict[str, str]]:
        found = {key: state for key, state in self.states.items() if key.rpartition("_")[0] in task_ids}
        return {run_ids[0]: found}


def execute(operator: BaseOperator, ti: TaskInstance | None = None, **context: Any) -> Any:
    """The operator's return value."""
    return operator.execute({"ti": ti or TaskInstance(operator.task_id), **context})  # type: ignore[typeddict-item]
