"""The operator that ends a run: it says how every scope ended, and fails when one did not end well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowFailException, Asset, TriggerRule

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.hooks import arguments, postgres
from airflow_provider_k8s_inventory.metrics import declared
from airflow_provider_k8s_inventory.model import counted
from airflow_provider_k8s_inventory.operators import ending, failures, stats

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_k8s_inventory.resources.histories import Histories
    from airflow_provider_k8s_inventory.sync.verdicts import Verdict

_WIDTH: Final = 11
_MOST_OPEN: Final = 30
"""The scopes that fit on one screen of a log; more are folded away when all is well."""


class KubernetesInventoryReportOperator(ending.EndingOperator):
    """Log how every scope of the run ended, and fail when one did not end well.

    The state of a run is the state of its last tasks: without this task, which runs whatever became of the others, a
    run in which nine of ten clusters failed would be green. Clear a failed sync together with its downstream tasks,
    and this task speaks again, of the latest try of each.

    Its outlets get an event, with the counts as `extra`, only when every scope ended well. An event after every run is
    the work of `KubernetesInventoryPublishOperator`.

    :param planned: what the sync was mapped over, ``plan.output``: it names the scopes whose tasks broke off before
        they could report. (templated)
    :param postgres_conn_id: the Connection of the database. (templated)
    :param schema: the schema that holds the ledger. (templated)
    :param tolerate: names or globs of contexts that are known to be down: their `unreachable` and `unauthorized` scopes
        are reported, but do not fail this task. (templated)
    :param tolerate_for: how long after a scope's last good sync that lasts: ``30m``, ``24h``, ``7d``; None: for ever.
        (templated)
    :param keep_syncs: days that the ledger keeps its lines; 0: for ever. Older ones are deleted, but never those of
        this run. Where they cannot be, the log has a warning. (templated)
    :param history: the rules of the sync, of which some may keep a resource for other days than most. (templated)
    :param keep_history: days that history is kept, and rows that are marked as deleted; 0: for ever. What is older is
        dropped by the month, or row by row; where it cannot be, the log has a warning. (templated)
    :raises AirflowFailException: when a scope failed, a task upstream did, or no scope was synced at all; not retried,
        as only the syncs can change it.
    :raises DatabaseError: when the ledger cannot be read.
    """

    template_fields: Sequence[str] = (*ending.EndingOperator.template_fields, "keep_syncs", "history", "keep_history")

    def __init__(
        self,
        *,
        planned: Sequence[Mapping[str, str]] | None = None,
        postgres_conn_id: str = "postgres_default",
        schema: str = "public",
        tolerate: Sequence[str] | str | None = (),
        tolerate_for: str | timedelta | None = "24h",
        keep_syncs: int | str | None = 90,
        history: Any = None,
        keep_history: int | str | None = 30,
        trigger_rule: str = TriggerRule.ALL_DONE,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            planned=planned,
            postgres_conn_id=postgres_conn_id,
            schema=schema,
            tolerate=tolerate,
            tolerate_for=tolerate_for,
            trigger_rule=trigger_rule,
            **kwargs,
        )
        self.keep_syncs = keep_syncs
        self.history = history
        self.keep_history = keep_history

    @failures.fail_without_retry
    def execute(self, context: Context) -> dict[str, Any]:
        """Return the counts of the run."""
        keep = arguments.days("keep_syncs", self.keep_syncs)
        keep_history = arguments.days("keep_history", self.keep_history)
        histories = arguments.histories(self.history)
        verdicts = self.verdicts(context)
        for each in verdicts:
            if not each.report.good:  # the syncs do not know how old the rows are that they could not renew
                stats.send(declared.ages(each.report, each.good_at))
        self._prune(context["ti"], days=90 if keep is None else keep)
        self._prune_history(histories, days=30 if keep_history is None else keep_history)
        started = context["dag_run"].start_date or context["ti"].start_date
        self._log(verdicts, seconds=(datetime.now(UTC) - started).total_seconds())
        summary = ending.summary(verdicts)
        if not verdicts or summary["failed"]:
            context["ti"].xcom_push(key="return_value", value=summary)
            raise AirflowFailException(_complaint(verdicts))
        for asset in self.outlets:
            if isinstance(asset, Asset):
                context["outlet_events"][asset].extra = summary
        return summary

    def _prune(self, ti: Any, *, days: int) -> None:
        """Delete old lines of the ledger; a run is no worse for those that stay."""
        from airflow_provider_k8s_inventory.postgres import ledger

        if not days:
            return
        try:
            with postgres.connection(self.postgres_conn_id) as conn:
                deleted = ledger.prune(
                    conn, schema=self.schema, keep=timedelta(days=days), dag_id=ti.dag_id, run_id=ti.run_id
                )
        except DatabaseError as error:
            self.log.warning("%s", error)
        else:
            if deleted:
                self.log.info("%d lines of the ledger were older than %d days and were deleted", deleted, days)

    def _prune_history(self, histories: Histories, *, days: int) -> None:
        """Drop old history; a run is no worse for what stays."""
        from airflow_provider_k8s_inventory.postgres import retention

        try:
            with postgres.connection(self.postgres_conn_id) as conn:
                pruned = retention.prune(conn, schema=self.schema, days=days, histories=histories)
        except DatabaseError as error:
            self.log.warning("%s", error)
            return
        for remark in pruned.remarks:
            self.log.warning("%s", remark)
        if pruned.dropped:
            self.log.info("months of history were dropped: %s", ", ".join(pruned.dropped))
        if pruned.changes or pruned.marked:
            self.log.info("%d old changes and %d rows marked long ago were deleted", pruned.changes, pruned.marked)

    def _log(self, verdicts: Sequence[Verdict], *, seconds: float) -> None:
        from airflow_provider_k8s_inventory import sync
        from airflow_provider_k8s_inventory.sync.verdicts import causes, headline, unmatched, warnings

        now = datetime.now(UTC)
        errors = sum(each.error for each in verdicts)
        if errors:
            self.log.error("%s", headline(verdicts, now=now))
        for cause in causes(verdicts):
            if not cause.context_name:
                continue  # the headline has said it
            say = self.log.error if cause.error else self.log.warning if cause.excuse else self.log.info
            say("%s", cause.line(now))
        reports = [each.report for each in verdicts]
        for warning in (*warnings(reports), *unmatched(reports)):
            self.log.warning("%s", warning)
        with self._group("Scopes", folded=not errors and len(verdicts) > _MOST_OPEN):
            for line in _table(verdicts):
                self.log.info("%s", line)
        say = self.log.error if errors else self.log.info
        say("%s", sync.summary(reports, seconds=seconds, errors=errors))

    @contextmanager
    def _group(self, title: str, *, folded: bool) -> Iterator[None]:
        """Fold lines away in Airflow's log view; an exception must not leave the group open."""
        if not folded:
            yield
            return
        self.log.info("::group::%s", title)
        try:
            yield
        finally:
            self.log.info("::endgroup::")


def _table(verdicts: Sequence[Verdict]) -> Iterator[str]:
    scopes = [each for each in verdicts if each.report.context_name]
    if not scopes:
        return
    width = max(len(str(each.report.scope)) for each in scopes)
    names = counted(each.report for each in scopes)
    yield f"{'scope':<{width}}  {'status':<12}" + "".join(f"{name:>{_WIDTH}}" for name in (*names, "seconds"))
    for each in scopes:
        report = each.report
        counts = "".join(f"{getattr(report, name):>{_WIDTH}}" for name in names)
        excuse = f"  {each.excuse}" if each.excuse else ""
        yield f"{report.scope!s:<{width}}  {report.status:<12}{counts}{report.seconds:>{_WIDTH}.1f}{excuse}"


def _complaint(verdicts: Sequence[Verdict]) -> str:
    from airflow_provider_k8s_inventory.sync.verdicts import headline

    if not verdicts:
        return (
            "The ledger knows no sync of this run; is one upstream of this task, with the same connection and schema?"
        )
    said = headline(verdicts, now=datetime.now(UTC))
    scopes = [each for each in verdicts if each.report.context_name]
    if failed := sum(each.error for each in scopes):
        said += f"; {failed} of {len(scopes)} scopes. The reasons are in the log above"
    return f"{said}: put that right, then clear the run's failed tasks together with their downstream ones"
