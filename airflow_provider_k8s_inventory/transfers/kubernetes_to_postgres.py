"""The operator that brings scopes of one context from Kubernetes to PostgreSQL: one resource, or several.

How it is read and written is in `sync`; which scopes there are is planned in `operators.plan`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, get_args

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import KubeconfigError, ScopeError, UsageError, of_status
from airflow_provider_k8s_inventory.hooks import arguments, postgres
from airflow_provider_k8s_inventory.hooks.kubernetes import KubernetesInventoryHook
from airflow_provider_k8s_inventory.kube.stopping import Stop, Stopped
from airflow_provider_k8s_inventory.metrics import declared
from airflow_provider_k8s_inventory.model import COUNTS, Origin
from airflow_provider_k8s_inventory.operators import failures, stats
from airflow_provider_k8s_inventory.operators.base import InventoryOperator

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_k8s_inventory.kube.http.client import Client
    from airflow_provider_k8s_inventory.model import SyncReport
    from airflow_provider_k8s_inventory.sync import Settings

_REASONS_SHOWN: Final = 10
_LABEL: Final = 250
"""The length of Airflow's column for it."""


class KubernetesToPostgresOperator(InventoryOperator):
    """Make the rows of one scope what the cluster says, delete only what a complete response proves gone.

    Map it over many scopes with ``.expand(cluster_context=…, resource=…)`` or with
    ``.expand_kwargs(plan.output)``. The task fails unless the scope's status is `success` or `absent`; then its rows
    are as they were, and other scopes go on. Its return value, also when it fails, is the report: the fields of the
    ledger's row and ``seconds``.

    :param cluster_context: the name of a kubeconfig context. (templated)
    :param resource: as kubectl takes it: ``pods``, ``ing``, ``statefulsets.apps``, ``certificates.cert-manager.io``.
        Several names, or globs such as ``*`` and ``*.cert-manager.io``, are that many scopes in one task, for fleets;
        globs mean what the cluster serves and can list, but never secrets. So do the groups ``workloads``, ``network``,
        ``rbac``, ``storage``, ``config`` and ``policy``. A name or glob behind ``!`` is left out of what globs and
        groups mean: ``*,!events``; alone, it is left out of ``*``. (templated)
    :param kubernetes_conn_id: a Connection of type `k8s_inventory` or `kubernetes`; None takes the default
        kubeconfigs: KUBECONFIG, ``~/.kube/config``, the cluster Airflow runs in. (templated)
    :param postgres_conn_id: the Connection of the database. (templated)
    :param schema: the schema that holds the tables. (templated)
    :param namespaces: names and globs of the namespaces to sync, or behind ``!`` to leave out; empty means all. Globs
        need the right to list namespaces. ``pods:team-a`` is for one resource, in place of the others. (templated)
    :param label_selector: sync only objects of these labels, as kubectl takes them: ``app=web,tier in (a,b)``. Several
        texts are for a resource each: ``["pods:app=web"]``. A resource has one at a time: a sync with another one
        replaces its rows. (templated)
    :param field_selector: sync only objects of these fields, likewise: ``pods:spec.nodeName=node-1``. (templated)
    :param store_object: keep each object whole, as jsonb, beside its columns. (templated)
    :param redact: take out of objects before anything is stored: ``env-values``, ``configmap-values``,
        ``annotations:GLOB``, paths such as ``.spec.token`` or, of one resource, ``pods:.spec.containers[*].args``; a
        text becomes ``REDACTED``. (templated)
    :param keep: store what is left out otherwise: ``configmap-values``. (templated)
    :param on_delete: ``delete`` the rows of objects that are gone, or ``mark`` them with `deleted_at`. (templated)
    :param allow_mass_delete: let a response through that would delete more than half of a scope of over 100 rows.
        (templated)
    :param max_deletes: let a response through that would delete so many rows of a scope, but not more: an approval with
        a bound; None leaves it to the guard. (templated)
    :param accept_new_cluster: let a context that leads to another cluster than before replace the rows of the old one.
        (templated)
    :param mode: the way to read: ``full`` lists every object, ``metadata`` lists their metadata and gets those that
        differ, ``delta`` asks what changed since the last sync, ``auto`` takes the cheapest. (templated)
    :param page_size: objects asked for at once, at most; None takes the Connection's, else 1000. (templated)
    :param verify_every: compare a scope read by its changes with the metadata of all objects once in so many syncs,
        and once a day; 0 never does. (templated)
    :param keep_events: days for which events stay that the API server, after an hour, has forgotten; 0: they go as
        other objects do. (templated)
    :param history: whose changes are kept in `k8s_history`, and which of them mean nothing: a rule, several, or a
        mapping of resources to rules: ``{"pods": 90, "leases": "on", "secrets": "off", "nodes": {"days": 60, "noise":
        ["status.images"]}}``, or as text ``pods:90``; False: none. The README has the rules. (templated)
    :param max_parallel_requests: requests to the cluster at a time. (templated)
    :param allow_exec: let a kubeconfig in the Connection run the commands it names. Not templated: who triggers a run
        must not decide it.
    :raises KubeconfigError: when there is no kubeconfig, or it cannot be read.
    :raises DatabaseError: when PostgreSQL cannot be reached or refuses.
    :raises ScopeError: when the scope failed. It is of the type of the failure (`ForbiddenError`, `UnreachableError`),
        has its data (`http_status`, `kubernetes_reason`, `request`, `advice`), and keeps its cause. Airflow retries, if
        the task has retries.
    :raises AirflowFailException: when a person must change something first: the rights, a value that cannot be, an
        unknown context or resource. It is of the type of the failure too; Airflow does not retry.
    """

    template_fields: Sequence[str] = (
        "cluster_context",
        "resource",
        "kubernetes_conn_id",
        "postgres_conn_id",
        "schema",
        "namespaces",
        "label_selector",
        "field_selector",
        "store_object",
        "redact",
        "keep",
        "on_delete",
        "allow_mass_delete",
        "max_deletes",
        "accept_new_cluster",
        "mode",
        "page_size",
        "verify_every",
        "keep_events",
        "history",
        "max_parallel_requests",
    )
    _stop: Stop | None = None
    _reports: Sequence[SyncReport] = ()

    ui_color = "#e8eaf6"

    def __init__(
        self,
        *,
        cluster_context: str,
        resource: str | Sequence[str],
        kubernetes_conn_id: str | None = None,
        postgres_conn_id: str = "postgres_default",
        schema: str = "public",
        namespaces: Sequence[str] | str = (),
        label_selector: Sequence[str] | str | None = None,
        field_selector: Sequence[str] | str | None = None,
        store_object: bool = True,
        redact: Sequence[str] | str = (),
        keep: Sequence[str] | str = (),
        on_delete: str = "delete",
        allow_mass_delete: bool = False,
        max_deletes: int | None = None,
        accept_new_cluster: bool = False,
        mode: str = "auto",
        page_size: int | None = None,
        verify_every: int = 24,
        keep_events: int = 7,
        history: Any = None,
        max_parallel_requests: int = 4,
        allow_exec: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cluster_context = cluster_context
        self.resource = resource
        self.kubernetes_conn_id = kubernetes_conn_id
        self.postgres_conn_id = postgres_conn_id
        self.schema = schema
        self.namespaces = namespaces
        self.label_selector = label_selector
        self.field_selector = field_selector
        self.store_object = store_object
        self.redact = redact
        self.keep = keep
        self.on_delete = on_delete
        self.allow_mass_delete = allow_mass_delete
        self.max_deletes = max_deletes
        self.accept_new_cluster = accept_new_cluster
        self.mode = mode
        self.page_size = page_size
        self.verify_every = verify_every
        self.keep_events = keep_events
        self.history = history
        self.max_parallel_requests = max_parallel_requests
        self.allow_exec = allow_exec

    @property
    def scope(self) -> str:
        """The label of a mapped task: ``dev · pods``, ``dev · *,!events``, ``dev · 6 resources``."""
        text = isinstance(self.resource, str)
        found = str(self.resource).split(",") if text else list(self.resource)
        asked = [name for name in found if not resources.is_exclusion(name)]
        what = f"{len(asked)} resources" if len(asked) > 1 else ",".join(found)
        return f"{self.cluster_context} · {what}"[:_LABEL]

    @failures.fail_without_retry
    def execute(self, context: Context) -> dict[str, Any]:
        """Sync, and return the report of one scope, or what those of several came to."""
        self._stop = Stop()
        with self._stop.ruling():
            try:
                return self._execute(context)
            except Stopped:
                raise ScopeError("the task was ended from outside; what was not complete was not written") from None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Return what was read and written, also of a task that failed: the scopes that were good.

        Airflow's OpenLineage provider calls this, in the process of the task.
        """
        from airflow.providers.openlineage.extractors import OperatorLineage

        from airflow_provider_k8s_inventory.transfers import lineage

        found = postgres.place(self.postgres_conn_id) if self._reports else None
        outputs = list(lineage.outputs(self._reports, found, self.schema)) if found else []
        return OperatorLineage(inputs=list(lineage.inputs(self._reports)), outputs=outputs)

    def on_kill(self) -> None:
        """End the requests under way: Airflow calls this on SIGTERM, in the middle of `execute`, and on a time-out."""
        if self._stop:
            # In a thread of its own: this is a signal's handler, and what it interrupts may hold a lock.
            threading.Thread(target=self._stop.set, daemon=True).start()

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_k8s_inventory.sync import expanding, verdicts

        names = arguments.names("resource", self.resource)
        asked = expanding.checked(names)
        if not asked:
            raise UsageError("resource must not be empty")
        several = len(asked) > 1 or expanding.is_glob(asked[0])
        self._reports = reports = []
        for report in self._sync_several(context, names) if several else self._sync_one(context, asked[0]):
            self._log(report, several=several)
            stats.send(declared.samples(report))
            reports.append(report)
        for warning in verdicts.warnings(reports):
            self.log.warning("%s", warning)
        value = _came_to(self.cluster_context, reports) if several else _brief(reports[0])
        if not all(report.good for report in reports):
            # What is pushed before the task fails stays; what it would return does not.
            context["ti"].xcom_push(key="return_value", value=value)
            raise _failure(reports)
        return value

    def _sync_one(self, context: Context, name: str) -> Iterator[SyncReport]:
        from airflow_provider_k8s_inventory import sync
        from airflow_provider_k8s_inventory.sync import remembering
        from airflow_provider_k8s_inventory.sync.running import repeat

        origin, since = _origin(context), _since(context)
        connect = postgres.Opener(self.postgres_conn_id)
        client, settings = self._chosen(context, [name])
        with client, postgres.connection(self.postgres_conn_id) as conn:
            down = since and remembering.down(conn, settings.schema, client.context, origin, since)
            if down:
                yield repeat(conn, name, settings, down)
            else:
                yield sync.run(client, conn, name, settings, origin, connect=connect)

    def _sync_several(self, context: Context, names: Sequence[str]) -> Iterator[SyncReport]:
        from airflow_provider_k8s_inventory.sync.fleet import run_context

        connect = postgres.Opener(self.postgres_conn_id)
        client, settings = self._chosen(context, names)
        with client:
            yield from run_context(client, names, connect, settings, _origin(context), since=_since(context))

    def _chosen(self, context: Context, names: Sequence[str]) -> tuple[Client, Settings]:
        from airflow_provider_k8s_inventory.sync.fleet import refuse_context

        hook = KubernetesInventoryHook(self.kubernetes_conn_id, allow_exec=self.allow_exec)
        settings = self._settings(hook)
        try:
            return hook.client(self.cluster_context, max_parallel_requests=settings.max_parallel_requests), settings
        except KubeconfigError as error:
            # Of this worker, perhaps of no other: a line in the ledger says which.
            connect = postgres.Opener(self.postgres_conn_id)
            refuse_context(self.cluster_context, names, connect, settings, error, _origin(context))
            raise

    def _settings(self, hook: KubernetesInventoryHook) -> Settings:
        from airflow_provider_k8s_inventory.model import OnDelete
        from airflow_provider_k8s_inventory.sync.settings import AskedMode, Settings

        numbers = {
            "page_size": arguments.whole("page_size", self.page_size) or hook.fields.page_size,
            "max_deletes": arguments.whole("max_deletes", self.max_deletes, least=0),
            "verify_every": arguments.whole("verify_every", self.verify_every, least=0),
            "keep_events": arguments.days("keep_events", self.keep_events),
            "max_parallel_requests": arguments.whole("max_parallel_requests", self.max_parallel_requests),
        }
        return Settings(
            schema=self.schema,
            selections=arguments.selections(self.namespaces, self.label_selector, self.field_selector),
            store_object=arguments.flag("store_object", self.store_object),
            redact=tuple(arguments.names("redact", self.redact)),
            keep=tuple(arguments.names("keep", self.keep)),
            on_delete=arguments.choice("on_delete", self.on_delete, get_args(OnDelete)),
            allow_mass_delete=arguments.flag("allow_mass_delete", self.allow_mass_delete),
            accept_new_cluster=arguments.flag("accept_new_cluster", self.accept_new_cluster),
            mode=arguments.choice("mode", self.mode, get_args(AskedMode)),
            histories=arguments.histories(self.history),
            # What a template renders to nothing is the default.
            **{name: number for name, number in numbers.items() if number is not None},
        )

    def _log(self, report: SyncReport, *, several: bool) -> None:
        """Say how a scope ended; the reason of a bad one is the task's own error."""
        from airflow_provider_k8s_inventory.sync import logfields
        from airflow_provider_k8s_inventory.sync.progress import size

        # Airflow's log is structlog's: keywords become fields; the standard library's `extra` is lost.
        log, scope = self.log.bind(**logfields.ended(report)), report.scope
        if not report.good:
            if several:
                log.warning("%s: %s after %.1f s", scope, report.status, report.seconds)
            return
        # A first sync had no cheaper way.
        if report.fallback and report.seen != report.inserted:
            self.log.info("%s: not read in a cheaper way: %s", scope, report.fallback)
        if report.status == "absent":
            self.log.info("%s: absent: %s", scope, report.reason)
        log.info(
            "%s: %d objects in %.1f s (mode %s, pages: %d, %s): %d inserted, %d updated, %d unchanged, %d deleted%s",
            scope,
            report.seen,
            report.seconds,
            report.mode,
            report.pages,
            size(report.bytes),
            report.inserted,
            report.updated,
            report.unchanged,
            report.deleted,
            f", {report.unselected} unselected" if report.unselected else "",
        )


def _origin(context: Context) -> Origin:
    """Identify the running task instance, for the ledger; its map index is -1 when it is not mapped, as in Airflow."""
    ti = context["ti"]
    return Origin(
        dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=ti.map_index, try_number=ti.try_number
    )


def _since(context: Context) -> datetime | None:
    """Return the start of the run; of one that was cleared, the last start."""
    run = context.get("dag_run")
    return run.start_date if run else None


def _brief(report: SyncReport) -> dict[str, Any]:
    """Say how the scope ended, first what a person wants to know; the ledger has all of it."""
    fields = report.as_dict()
    first = ("context_name", "resource", "status", "reason", *COUNTS, "seconds", "warnings")
    return {name: fields[name] for name in first}


def _came_to(cluster_context: str, reports: Sequence[SyncReport]) -> dict[str, Any]:
    """Of several scopes the sums: the ledger has each, and an XCom should be small."""
    failed = [report for report in reports if not report.good]
    return {
        "context_name": cluster_context,
        "status": "failed" if failed else "success",
        "scopes": len(reports),
        "failed": [report.resource for report in failed],
        **{name: sum(getattr(report, name) for report in reports) for name in COUNTS},
    }


def _failure(reports: Sequence[SyncReport]) -> Exception:
    """Make one error of the bad reports: of their type where they have one cause, else with all of them below it."""
    from airflow_provider_k8s_inventory.sync import verdicts

    failed = [report for report in reports if not report.good]
    errors = [report.error or of_status(report.status, report.reason or "") for report in failed]
    causes = verdicts.causes(verdicts.Verdict(report=report) for report in failed)
    message = "; ".join(f"{cause.where}: {cause.status}: {cause.reason}" for cause in causes[:_REASONS_SHOWN])
    if len(causes) > _REASONS_SHOWN:
        message += f"; and {len(causes) - _REASONS_SHOWN} more, see the ledger"
    message = f"{len(failed)} of {len(reports)} scopes failed: {message}"
    if len(reports) == 1:
        message = f"{failed[0].scope}: {failed[0].status}: {failed[0].reason}"
    if len(causes) == 1:
        return errors[0].retold(message)
    error = ScopeError(message)
    error.__cause__ = ExceptionGroup("the errors of the scopes", errors)
    return failures.without_retry(error) if all(map(failures.needs_a_person, errors)) else error
