"""The operator that ends a run: it says how every scope ended, and fails when one did not end well.

Who knows how a scope ended is in `outcomes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowFailException, Asset, TriggerRule

from airflow_provider_k8s_inventory.hooks import failing, postgres
from airflow_provider_k8s_inventory.hooks.operator import InventoryOperator
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.operators import outcomes

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_COUNTS: Final = ("seen", "inserted", "updated", "unchanged", "deleted")
_NAMES_SHOWN: Final = 10


class KubernetesInventoryReportOperator(InventoryOperator):
    """Log how every scope of the run ended, and fail when one did not end well.

    The state of a run is the state of its last tasks: without this task, which runs whatever became of the others, a
    run in which nine of ten clusters failed would be green. Clear a failed sync together with its downstream tasks,
    and this task speaks again, of the latest try of each.

    Its outlets get an event, with the counts as `extra`, only when every scope ended well.

    :param planned: what the sync was mapped over, ``plan.output``: it names the scopes whose tasks broke off before
        they could report. (templated)
    :param postgres_conn_id: the Connection of the database. (templated)
    :param schema: the schema that holds the ledger. (templated)
    :raises AirflowFailException: when a scope failed, a task upstream did, or no scope was synced at all; not retried,
        as only the syncs can change it.
    :raises DatabaseError: when the ledger cannot be read.
    """

    template_fields: Sequence[str] = ("planned", "postgres_conn_id", "schema")
    ui_color = "#e8eaf6"

    def __init__(
        self,
        *,
        planned: Sequence[Mapping[str, str]] | None = None,
        postgres_conn_id: str = "postgres_default",
        schema: str = "public",
        trigger_rule: str = TriggerRule.ALL_DONE,
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.planned = planned
        self.postgres_conn_id = postgres_conn_id
        self.schema = schema

    @failing.unretried
    def execute(self, context: Context) -> dict[str, Any]:
        """Return the counts of the run."""
        reports = self._outcome(context)
        started = context["dag_run"].start_date or context["ti"].start_date
        self._log(reports, seconds=(datetime.now(UTC) - started).total_seconds())
        summary = _summary(reports)
        if not reports or summary["failed"]:
            context["ti"].xcom_push(key="return_value", value=summary)
            raise AirflowFailException(_complaint(reports))
        for asset in self.outlets:
            if isinstance(asset, Asset):
                context["outlet_events"][asset].extra = summary
        return summary

    def _outcome(self, context: Context) -> list[SyncReport]:
        ti = context["ti"]
        states: dict[outcomes.Instance, str | None] = {}
        for task_id in sorted(self.get_flat_relative_ids(upstream=True)):
            # One task at a time: "sync_0" may be a task, or the first instance of a mapped one.
            found = ti.get_task_states(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
            states |= outcomes.instances(task_id, found.get(ti.run_id, {}))
        from airflow_provider_k8s_inventory.postgres import ledger

        with postgres.connection(self.postgres_conn_id) as conn:
            reports = ledger.latest_reports(conn, schema=self.schema, dag_id=ti.dag_id, run_id=ti.run_id)
        return outcomes.outcome(reports, states, self.planned or (), now=datetime.now(UTC))

    def _log(self, reports: Sequence[SyncReport], *, seconds: float) -> None:
        from airflow_provider_k8s_inventory import sync

        with self._group("Scopes"):
            for line in _table(reports):
                self.log.info("%s", line)
        for report in reports:
            if not report.good:
                self.log.error("%s: %s: %s", report.scope, report.status, report.reason)
        self.log.info("%s", sync.summary(reports, seconds=seconds))

    @contextmanager
    def _group(self, title: str) -> Iterator[None]:
        """What Airflow's log view folds away; an exception must not leave it open."""
        self.log.info("::group::%s", title)
        try:
            yield
        finally:
            self.log.info("::endgroup::")


def _table(reports: Sequence[SyncReport]) -> Iterator[str]:
    width = max((len(str(report.scope)) for report in reports), default=0)
    yield f"{'scope':<{width}}  {'status':<12}" + "".join(f"{name:>10}" for name in (*_COUNTS, "seconds"))
    for report in reports:
        counts = "".join(f"{getattr(report, name):>10}" for name in _COUNTS)
        yield f"{report.scope!s:<{width}}  {report.status:<12}{counts}{report.seconds:>10.1f}"


def _summary(reports: Sequence[SyncReport]) -> dict[str, Any]:
    return {
        "scopes": len(reports),
        "failed": sum(not report.good for report in reports),
        "warnings": sum(len(report.warnings) for report in reports),
        **{name: sum(getattr(report, name) for report in reports) for name in _COUNTS},
    }


def _complaint(reports: Sequence[SyncReport]) -> str:
    if not reports:
        return (
            "The ledger knows no sync of this run; is one upstream of this task, with the same connection and schema?"
        )
    failed = [f"{report.scope} ({report.status})" for report in reports if not report.good]
    more = f" and {len(failed) - _NAMES_SHOWN} more" if len(failed) > _NAMES_SHOWN else ""
    return (
        f"{len(failed)} of {len(reports)} failed: {', '.join(failed[:_NAMES_SHOWN])}{more}; the reasons are in the log "
        "above. Put them right, then clear the failed tasks together with their downstream ones"
    )
