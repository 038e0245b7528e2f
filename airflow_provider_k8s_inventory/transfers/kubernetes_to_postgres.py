"""The operator that brings one scope, one context × one resource, from Kubernetes to PostgreSQL.

How it is read and written is in `sync`; which scopes there are is planned in `operators.plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, get_args

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import ScopeError
from airflow_provider_k8s_inventory.hooks import arguments, postgres
from airflow_provider_k8s_inventory.hooks.kubernetes import KubernetesInventoryHook
from airflow_provider_k8s_inventory.model import Origin, Scope

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_k8s_inventory.model import SyncReport
    from airflow_provider_k8s_inventory.sync import Settings

_NEEDS_A_PERSON: Final = frozenset({"forbidden", "refused"})
"""The statuses that trying again does not change; a task's retries are not spent on them."""


class KubernetesToPostgresOperator(BaseOperator):
    """Make the rows of one scope what the cluster says, delete only what a complete answer proves gone.

    Map it over many scopes with ``.expand(cluster_context=…, resource=…)`` or with
    ``.expand_kwargs(plan.output)``. The task fails unless the scope's status is `success` or `absent`; then its rows
    are as they were, and other scopes go on. Its return value, also when it fails, is the report: the fields of the
    ledger's row and ``seconds``.

    :param cluster_context: the name of a kubeconfig context. (templated)
    :param resource: as kubectl writes it: ``pods``, ``deployments``, ``certificates.cert-manager.io``. (templated)
    :param kubernetes_conn_id: a Connection of type `k8s_inventory` or `kubernetes`; None takes the default
        kubeconfigs: KUBECONFIG, ``~/.kube/config``, the cluster Airflow runs in. (templated)
    :param postgres_conn_id: the Connection of the database. (templated)
    :param schema: the schema that holds the tables. (templated)
    :param namespaces: sync only these; empty means all. (templated)
    :param store_object: keep each object whole, as jsonb, beside its columns. (templated)
    :param on_delete: ``delete`` the rows of objects that are gone, or ``mark`` them with `deleted_at`. (templated)
    :param allow_mass_delete: let an answer through that would delete more than half of a scope of over 100 rows.
        (templated)
    :param mode: the way to read: ``auto`` chooses, ``full`` lists everything. (templated)
    :param page_size: objects asked for at once; None takes the Connection's, else 500. (templated)
    :param allow_exec: let a kubeconfig in the Connection run the commands it names. Not templated: who triggers a run
        must not decide it.
    :raises UsageError: for values that cannot be, an unknown context or resource.
    :raises DatabaseError: when PostgreSQL cannot be reached or refuses.
    :raises ScopeError: when the scope failed in a way that may pass; Airflow then retries, if the task has retries.
    :raises AirflowFailException: when a person must change something first; not retried.
    """

    template_fields: Sequence[str] = (
        "cluster_context",
        "resource",
        "kubernetes_conn_id",
        "postgres_conn_id",
        "schema",
        "namespaces",
        "store_object",
        "on_delete",
        "allow_mass_delete",
        "mode",
        "page_size",
    )
    ui_color = "#e8eaf6"

    def __init__(
        self,
        *,
        cluster_context: str,
        resource: str,
        kubernetes_conn_id: str | None = None,
        postgres_conn_id: str = "postgres_default",
        schema: str = "public",
        namespaces: Sequence[str] | str = (),
        store_object: bool = True,
        on_delete: str = "delete",
        allow_mass_delete: bool = False,
        mode: str = "auto",
        page_size: int | None = None,
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
        self.store_object = store_object
        self.on_delete = on_delete
        self.allow_mass_delete = allow_mass_delete
        self.mode = mode
        self.page_size = page_size
        self.allow_exec = allow_exec

    def execute(self, context: Context) -> dict[str, Any]:
        """Sync the scope, and return its report."""
        from airflow_provider_k8s_inventory import sync

        hook = KubernetesInventoryHook(self.kubernetes_conn_id, allow_exec=self.allow_exec)
        resource, settings = resources.canonical(self.resource), self._settings(hook)
        with hook.client(self.cluster_context) as client, postgres.connection(self.postgres_conn_id) as conn:
            report = sync.run(client, conn, resource, settings, _origin(context))
        self._log(report)
        if not report.good:
            # What is pushed before the task fails stays; what it would return does not.
            context["ti"].xcom_push(key="return_value", value=report.as_dict())
            raise _failure(report)
        return report.as_dict()

    def _settings(self, hook: KubernetesInventoryHook) -> Settings:
        from airflow_provider_k8s_inventory.postgres.loading import OnDelete
        from airflow_provider_k8s_inventory.sync.settings import AskedMode, Settings

        page_size = arguments.whole("page_size", self.page_size) or hook.fields.page_size
        return Settings(
            schema=self.schema,
            namespaces=arguments.names("namespaces", self.namespaces),
            store_object=arguments.flag("store_object", self.store_object),
            on_delete=arguments.choice("on_delete", self.on_delete, get_args(OnDelete)),
            allow_mass_delete=arguments.flag("allow_mass_delete", self.allow_mass_delete),
            mode=arguments.choice("mode", self.mode, get_args(AskedMode)),
            **({"page_size": page_size} if page_size else {}),
        )

    def _log(self, report: SyncReport) -> None:
        scope = _scope(report)
        for warning in report.warnings:
            self.log.warning("%s: %s", scope, warning)
        self.log.info(
            "%s: %s in %.1f s. Seen: %d, inserted: %d, updated: %d, unchanged: %d, deleted: %d",
            scope,
            report.status,
            report.seconds,
            report.seen,
            report.inserted,
            report.updated,
            report.unchanged,
            report.deleted,
        )


def _origin(context: Context) -> Origin:
    """The running task instance, for the ledger; its map index is -1 when it is not mapped, as in Airflow."""
    ti = context["ti"]
    return Origin(
        dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=ti.map_index, try_number=ti.try_number
    )


def _scope(report: SyncReport) -> Scope:
    return Scope(context_name=report.context_name, resource=report.resource, namespaces=report.namespaces)


def _failure(report: SyncReport) -> Exception:
    message = f"{_scope(report)}: {report.status}: {report.reason}"
    return AirflowFailException(message) if report.status in _NEEDS_A_PERSON else ScopeError(message)
