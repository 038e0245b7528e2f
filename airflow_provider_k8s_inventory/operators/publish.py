"""The operator that tells other DAGs that the tables were synced, also when some scopes failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import AirflowSkipException, Asset, AssetAlias

from airflow_provider_k8s_inventory.operators import ending, failures

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_k8s_inventory.sync.verdicts import Verdict


class KubernetesInventoryPublishOperator(ending.EndingOperator):
    """Give its outlets an event after every run that synced anything, with what became of it as `extra`.

    A failed task sends no event, so this is a task of its own beside the report: one cluster that is down must not
    silence the DAGs that read the tables. Whoever consumes the event decides by its `extra`: ``failed``, the number of
    scopes that did not end well, ``failed_contexts``, ``contexts`` with the status of each, the counts, and
    ``resources``, the same per resource: ``{"pods": {"updated": 3}}``.

    Every `Asset` among its outlets gets that event. An `AssetAlias` among them gets one per context of which at least
    one scope ended well, for the asset ``ALIAS/CONTEXT``; what a name must not hold is percent-encoded.

    It is skipped when no scope of the run was synced at all, as after a plan that failed.

    :param planned: as for `KubernetesInventoryReportOperator`. (templated)
    :param postgres_conn_id: the Connection of the database. (templated)
    :param schema: the schema that holds the ledger. (templated)
    :param tolerate: as for the report: scopes that do not count as failed. (templated)
    :param tolerate_for: as for the report. (templated)
    :raises DatabaseError: when the ledger cannot be read.
    """

    @failures.fail_without_retry
    def execute(self, context: Context) -> dict[str, Any]:
        """Return the `extra` of the event."""
        verdicts = self.verdicts(context)
        if not any(each.report.origin.dag_id for each in verdicts):
            raise AirflowSkipException("no scope of this run was synced, so there is nothing to tell")
        summary = ending.summary(verdicts)
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = summary
            elif isinstance(outlet, AssetAlias):
                for name, extra in _by_context(verdicts).items():
                    asset = Asset(name=f"{outlet.name}/{quote(name, safe=' :@')}", group=outlet.group)
                    context["outlet_events"][outlet].add(asset, extra=extra)
        return summary


def _by_context(verdicts: list[Verdict]) -> dict[str, dict[str, Any]]:
    """Build the `extra` of each context of which anything was synced."""
    contexts: dict[str, list[Verdict]] = {}
    for each in verdicts:
        if each.report.context_name:
            contexts.setdefault(each.report.context_name, []).append(each)
    return {
        name: {
            "context": name,
            "scopes": {each.report.resource: each.report.status for each in group},
            "failed": sum(each.error for each in group),
            **ending.counts([each.report for each in group]),
            "resources": ending.by_resource([each.report for each in group]),
        }
        for name, group in contexts.items()
        if any(each.report.good for each in group)
    }
