"""The operator that tells other DAGs that the tables were synced, also when some scopes failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    Asset,
    AssetAlias,
)

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.hooks import postgres
from airflow_provider_k8s_inventory.operators import ending, failures
from airflow_provider_k8s_inventory.operators.check import KubernetesInventoryCheckOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_k8s_inventory.sync.verdicts import Verdict

_SQL_OPERATORS: Final = "airflow.providers.common.sql.operators.sql"
"""The module of Airflow's own SQL checks, which a DAG without them need not import."""


class KubernetesInventoryPublishOperator(ending.EndingOperator):
    """Give its outlets an event after every run that synced anything, with what became of it as `extra`.

    A failed task sends no event, so this is a task of its own beside the report: one cluster that is down must not
    silence the DAGs that read the tables. Whoever consumes the event decides by its `extra`: ``failed``, the number of
    scopes that did not end well, ``failed_contexts``, ``contexts`` with the status of each, the counts, and
    ``resources``, the same per resource: ``{"pods": {"updated": 3}}``.

    Every `Asset` among its outlets gets that event. An `AssetAlias` among them gets one per context of which at least
    one scope ended well, for the asset ``ALIAS/CONTEXT``; what a name must not hold is percent-encoded.

    The alias that `table_alias` names gets one per table instead, of which at least one scope ended well, for the asset
    ``postgres://HOST:PORT/DATABASE/SCHEMA/TABLE``, as `create_asset` of Airflow's PostgreSQL provider makes it of the
    Connection's host, port and database.

    It is skipped when no scope of the run was synced at all, as after a plan that failed. It fails, and tells nobody,
    when a check upstream of it did: a `KubernetesInventoryCheckOperator`, or one of Airflow's own SQL operators.

    :param planned: as for `KubernetesInventoryReportOperator`. (templated)
    :param postgres_conn_id: the Connection of the database. (templated)
    :param schema: the schema that holds the ledger. (templated)
    :param tolerate: as for the report: scopes that do not count as failed. (templated)
    :param tolerate_for: as for the report. (templated)
    :param table_alias: the name of the `AssetAlias` among the outlets that gets an event for each table.
    :raises AirflowFailException: when a check upstream failed; not retried.
    :raises DatabaseError: when the ledger cannot be read.
    """

    def __init__(self, *, table_alias: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table_alias = table_alias

    @failures.fail_without_retry
    def execute(self, context: Context) -> dict[str, Any]:
        """Return the `extra` of the event."""
        if broken := self._failed_checks(context["ti"]):
            raise AirflowFailException(
                f"the event is not sent, as {', '.join(broken)} failed: its log says why; clear it together with the "
                "downstream ones when that is mended"
            )
        verdicts = self.verdicts(context)
        if not any(each.report.origin.dag_id for each in verdicts):
            raise AirflowSkipException("no scope of this run was synced, so there is nothing to tell")
        summary = ending.summary(verdicts)
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = summary
            elif isinstance(outlet, AssetAlias):
                by_table = outlet.name == self.table_alias
                found = self._table_events(verdicts) if by_table else _context_events(outlet, verdicts)
                for asset, extra in found:
                    context["outlet_events"][outlet].add(asset, extra=extra)
        return summary

    def _table_events(self, verdicts: list[Verdict]) -> Iterator[tuple[Asset, dict[str, Any]]]:
        """Make the event of each table of which a scope ended well."""
        from airflow.providers.postgres.assets.postgres import create_asset

        place = postgres.place(self.postgres_conn_id)
        if place is None:
            self.log.warning(
                "No table has an event: the connection %r does not name one host and the database",
                self.postgres_conn_id,
            )
            return
        for table, extra in _by_table(verdicts).items():
            asset = create_asset(
                host=place.host, port=place.port, database=place.database, schema=self.schema, table=table
            )
            yield Asset(name=asset.name, uri=asset.uri, group="kubernetes"), {"schema": self.schema, **extra}

    def _failed_checks(self, ti: Any) -> list[str]:
        """List the checks upstream that failed, or could not run."""
        checks = {task_id for task_id in self.get_flat_relative_ids(upstream=True) if _is_check(self.dag, task_id)}
        ended = {instance: state for instance, state in self.states(ti).items() if instance.task_id in checks}
        return [str(instance) for instance, state in ended.items() if state in ("failed", "upstream_failed")]


def _is_check(dag: Any, task_id: str) -> bool:
    task = dag.get_task(task_id)
    kind = getattr(task, "operator_class", type(task))  # of a mapped one
    return issubclass(kind, KubernetesInventoryCheckOperator) or any(
        each.__module__ == _SQL_OPERATORS for each in kind.__mro__
    )


def _context_events(outlet: AssetAlias, verdicts: list[Verdict]) -> Iterator[tuple[Asset, dict[str, Any]]]:
    """Make the event of each context of which a scope ended well."""
    for name, extra in _by_context(verdicts).items():
        yield Asset(name=f"{outlet.name}/{quote(name, safe=' :@')}", group=outlet.group), extra


def _by_table(verdicts: list[Verdict]) -> dict[str, dict[str, Any]]:
    """Build the `extra` of each table of which anything was synced."""
    tables: dict[str, list[Verdict]] = {}
    for each in verdicts:
        if each.report.context_name:
            tables.setdefault(resources.table_of(each.report.resource).name, []).append(each)
    return {
        name: {
            "table": name,
            "contexts": ending.summary(group)["contexts"],
            "failed": sum(each.error for each in group),
            **ending.counts([each.report for each in group]),
        }
        for name, group in tables.items()
        if any(each.report.good for each in group)
    }


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
