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

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def execute(operator: BaseOperator, ti: TaskInstance | None = None) -> Any:
    """The operator's return value."""
    return operator.execute({"ti": ti or TaskInstance(operator.task_id)})  # type: ignore[typeddict-item]
