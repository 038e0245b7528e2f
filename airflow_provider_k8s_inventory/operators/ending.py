"""The base of the operators that come after the syncs of a run, whatever became of them.

Who knows how a scope ended is in `outcomes`; what counts as an error is in `sync.verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TriggerRule

from airflow_provider_k8s_inventory.hooks import arguments, postgres
from airflow_provider_k8s_inventory.model import CHANGES, COUNTS
from airflow_provider_k8s_inventory.operators import failures, outcomes
from airflow_provider_k8s_inventory.operators.base import InventoryOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_k8s_inventory.model import SyncReport
    from airflow_provider_k8s_inventory.sync.verdicts import Tolerance, Verdict


class EndingOperator(InventoryOperator):
    """An operator that knows how every scope of its run ended; its arguments are those of the report."""

    template_fields: Sequence[str] = ("planned", "postgres_conn_id", "schema", "tolerate", "tolerate_for")
    ui_color = "#e8eaf6"

    def __init__(
        self,
        *,
        planned: Sequence[Mapping[str, str]] | None = None,
        postgres_conn_id: str = "postgres_default",
        schema: str = "public",
        tolerate: Sequence[str] | str | None = (),
        tolerate_for: str | timedelta | None = "24h",
        trigger_rule: str = TriggerRule.ALL_DONE,
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.planned = planned
        self.postgres_conn_id = postgres_conn_id
        self.schema = schema
        self.tolerate = tolerate
        self.tolerate_for = tolerate_for

    def verdicts(self, context: Context) -> list[Verdict]:
        """Judge every scope of the run.

        :raises UsageError: when a value cannot be.
        :raises DatabaseError: when the ledger cannot be read.
        """
        from airflow_provider_k8s_inventory.postgres import inventoried, ledger, scopes, sessions
        from airflow_provider_k8s_inventory.sync import absences, recording
        from airflow_provider_k8s_inventory.sync.verdicts import judge

        tolerance, now = self._tolerance(), datetime.now(UTC)
        ti = context["ti"]
        states = self.states(ti)
        with postgres.connection(self.postgres_conn_id) as conn:
            reports = ledger.latest_reports(conn, schema=self.schema, dag_id=ti.dag_id, run_id=ti.run_id)
            reports = outcomes.outcome(
                reports,
                states,
                self.planned or (),
                now=now,
                failures=_failures(ti, states),
                narrowed=self._narrowed(context, {instance.task_id for instance in states}),
            )
            with sessions.transaction(conn) as cursor:
                reports = [
                    report if report.origin.dag_id else recording.of_known_scope(cursor, self.schema, report)
                    for report in reports
                ]
            reports += absences.everywhere(reports, partial(inventoried.synced, conn, self.schema))
            bad = [report.scope for report in reports if not report.good]
            return judge(reports, scopes.past(conn, schema=self.schema, scopes=bad), tolerance, now=now)

    def _tolerance(self) -> Tolerance:
        from airflow_provider_k8s_inventory.sync.verdicts import Tolerance

        longest = arguments.span("tolerate_for", self.tolerate_for)
        return Tolerance(contexts=arguments.names("tolerate", self.tolerate), longest=longest)

    def _narrowed(self, context: Context, task_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Render what narrows mapped syncs, which their plan need not say."""
        found: dict[str, dict[str, Any]] = {}
        for task_id in task_ids:
            task: Any = self.dag.get_task(task_id)
            written: Mapping[str, Any] = getattr(task, "partial_kwargs", {})
            given = {**self.dag.default_args, **(written.get("default_args") or {}), **written}
            try:
                found[task_id] = {
                    name: self.render_template(given[name], context) for name in outcomes.NARROWING if name in given
                }
            except Exception as error:  # a template may be of what only its own task has
                self.log.warning("What narrows %s cannot be told here: %s", task_id, error)
        return found

    def states(self, ti: Any) -> dict[outcomes.Instance, str | None]:
        """Look up the state of every task upstream."""
        states: dict[outcomes.Instance, str | None] = {}
        for task_id in sorted(self.get_flat_relative_ids(upstream=True)):
            # One task at a time: "sync_0" may be a task, or the first instance of a mapped one.
            found = ti.get_task_states(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
            states |= outcomes.instances(task_id, found.get(ti.run_id, {}))
        return states


def _failures(ti: Any, states: Mapping[outcomes.Instance, str | None]) -> dict[outcomes.Instance, outcomes.Failure]:
    """Read the reasons that failed instances left."""
    found = {}
    for task_id in sorted({instance.task_id for instance, state in states.items() if state == "failed"}):
        # All of a task at once, each with its index in it: Airflow logs an error for each index that has none.
        values = ti.xcom_pull(task_ids=task_id, key=failures.FAILURE_KEY)
        for value in values if isinstance(values, Sequence) else [values]:
            if value:
                instance = outcomes.Instance(task_id, value["map_index"])
                found[instance] = outcomes.Failure(value["reason"], value["host"])
    return found


def counts(reports: Sequence[SyncReport]) -> dict[str, int]:
    """Sum up the objects and rows of many scopes."""
    return {name: sum(getattr(report, name) for report in reports) for name in COUNTS}


def by_resource(reports: Sequence[SyncReport]) -> dict[str, dict[str, int]]:
    """Sum up what became of the rows of each resource; those of which nothing changed are left out.

    :returns: by resource, the numbers of rows that were inserted, updated, deleted and unselected, without zeros.
    """
    found: dict[str, dict[str, int]] = {}
    for report in reports:
        for name in CHANGES:
            if number := getattr(report, name):
                of_resource = found.setdefault(report.resource, {})
                of_resource[name] = of_resource.get(name, 0) + number
    return found


def summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Sum up a run, in JSON values.

    A context's status is `success`, or that of the first of its scopes that is not good; a tolerated one is no failure.
    """
    reports = [each.report for each in verdicts]
    contexts: dict[str, str] = {}
    failed: dict[str, None] = {}
    for each in verdicts:
        name = each.report.context_name
        if name and contexts.setdefault(name, "success") == "success" and not each.report.good:
            contexts[name] = each.report.status
        if name and each.error:
            failed[name] = None
    return {
        "scopes": len(reports),
        "failed": sum(each.error for each in verdicts),
        "failed_contexts": list(failed),
        "contexts": contexts,
        "warnings": sum(len(report.warnings) for report in reports),
        **counts(reports),
        "resources": by_resource(reports),
    }
