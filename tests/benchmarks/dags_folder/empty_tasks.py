"""The example DAG's tasks, and none of them does anything: what Airflow itself costs."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, BaseOperator

from airflow_provider_k8s_inventory.resources import DEFAULT


class Nothing(BaseOperator):
    """A task that returns what it was given."""

    template_fields = ("cluster_context", "resource")

    def __init__(
        self, *, cluster_context: str = "", resource: str = "", answer: Any = None, planned: Any = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.cluster_context = cluster_context
        self.resource = resource
        self.answer = answer
        self.planned = planned

    def execute(self, context: Any) -> Any:
        return self.answer


with DAG(dag_id="empty_tasks", schedule=None, max_active_runs=1):
    scopes = [{"cluster_context": context, "resource": name} for context in ("dev", "prod") for name in DEFAULT]
    migrate = Nothing(task_id="migrate")
    plan = Nothing(task_id="plan", answer=scopes)
    sync = Nothing.partial(
        task_id="sync", map_index_template="{{ task.cluster_context }} · {{ task.resource }}"
    ).expand_kwargs(plan.output)
    report = Nothing(task_id="report", trigger_rule="all_done")

    migrate >> plan >> sync >> report
