"""The operator that says which scopes a run has, for the sync to be mapped over.

Syncing one is in `transfers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import conf

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.hooks import arguments
from airflow_provider_k8s_inventory.hooks.kubernetes import KubernetesInventoryHook
from airflow_provider_k8s_inventory.operators import failures
from airflow_provider_k8s_inventory.operators.base import InventoryOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

SCOPES: Final = 200
"""The most tasks of a plan that are one scope each, unless somebody says how to group them.

A task costs its worker 0.7 s of CPU, and scheduler and API server 0.4 s, whatever it does. On Celery with seven slots
on two cores, 100 contexts × 6 resources took 553 s in 600 tasks, and 63 s in 100.
"""
_MAX_MAP_LENGTH: Final = 1024
"""Airflow's own default of `[core] max_map_length`."""


class KubernetesInventoryPlanOperator(InventoryOperator):
    """Read the kubeconfig and return one ``{"cluster_context": …, "resource": …}`` per scope.

    No cluster is asked: one that is down must fail its own syncs, not the plan. The order is the kubeconfig's, then
    that of the resources, so the map index of a scope stays the same from run to run. There is always at least one
    scope: over an empty list Airflow would skip the mapped sync, and nobody would see it.

    :param contexts: names or globs of contexts; empty means all. (templated)
    :param exclude_contexts: names or globs to leave out. (templated)
    :param resource_names: names as kubectl writes them, globs, groups and exclusions, as for
        `KubernetesToPostgresOperator`; empty means clusters, namespaces, pods, deployments, services and crds. An
        exclusion goes along with each glob and group. (templated)
    :param group_by: ``scope`` plans a task per context and resource, ``context`` one per context with all its
        resources, and ``auto`` the first up to 200 tasks and the second for more. (templated)
    :param namespaces: those of the sync, which are read here already, so that a wrong one fails before its tasks.
        (templated)
    :param label_selector: likewise. (templated)
    :param field_selector: likewise. (templated)
    :param history: likewise. (templated)
    :param kubernetes_conn_id: as for `KubernetesToPostgresOperator`. (templated)
    :param allow_exec: as there; contexts of a Connection are refused in the plan already.
    :raises AirflowFailException: when something asked for does not exist, or there are more scopes than Airflow maps
        over; not retried.
    :raises KubeconfigError: when there is no kubeconfig, or it cannot be read.
    """

    template_fields: Sequence[str] = (
        "contexts",
        "exclude_contexts",
        "resource_names",
        "group_by",
        "namespaces",
        "label_selector",
        "field_selector",
        "history",
        "kubernetes_conn_id",
    )
    ui_color = "#e8eaf6"

    def __init__(
        self,
        *,
        contexts: Sequence[str] | str | None = (),
        exclude_contexts: Sequence[str] | str | None = (),
        resource_names: Sequence[str] | str | None = (),
        group_by: str = "auto",
        namespaces: Sequence[str] | str | None = (),
        label_selector: Sequence[str] | str | None = None,
        field_selector: Sequence[str] | str | None = None,
        history: Any = None,
        kubernetes_conn_id: str | None = None,
        allow_exec: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contexts = contexts
        self.exclude_contexts = exclude_contexts
        self.resource_names = resource_names
        self.group_by = group_by
        self.namespaces = namespaces
        self.label_selector = label_selector
        self.field_selector = field_selector
        self.history = history
        self.kubernetes_conn_id = kubernetes_conn_id
        self.allow_exec = allow_exec

    @failures.fail_without_retry
    def execute(self, context: Context) -> list[dict[str, str]]:
        """Return the keyword arguments of each mapped sync."""
        from airflow_provider_k8s_inventory.sync import expanding

        hook = KubernetesInventoryHook(self.kubernetes_conn_id, allow_exec=self.allow_exec)
        found = hook.contexts(
            arguments.names("contexts", self.contexts), arguments.names("exclude_contexts", self.exclude_contexts)
        )
        wanted = arguments.names("resource_names", self.resource_names) or resources.DEFAULT
        names = expanding.checked(wanted)
        arguments.selections(self.namespaces, self.label_selector, self.field_selector).check(names)
        arguments.histories(self.history)
        group_by = arguments.choice("group_by", self.group_by, ("auto", "scope", "context"))
        grouped = _each(names)
        many = group_by == "auto" and len(found) * len(grouped) > SCOPES
        if many:
            self.log.info(
                "%d contexts × %d resources are more than %d tasks: one task per context",
                len(found),
                len(grouped),
                SCOPES,
            )
        if many or group_by == "context":
            grouped = [",".join(names)]
        planned = [{"cluster_context": each.name, "resource": name} for each in found for name in grouped]
        _check_length(len(planned))
        warnings: dict[str, list[str]] = {}
        for each in found:
            for warning in each.warnings:
                warnings.setdefault(warning, []).append(each.name)
        for warning, contexts in warnings.items():
            self.log.warning("%s: %s", ", ".join(contexts), warning)
        self.log.info("%d tasks: %d contexts × %s", len(planned), len(found), ", ".join(names))
        return planned


def _each(names: Sequence[str]) -> list[str]:
    """Give the resource of each task: one name; or one glob, group or short name, and what is left out of it."""
    from airflow_provider_k8s_inventory.sync import expanding

    exclusions = list(filter(expanding.is_exclusion, names))
    return [
        name if expanding.is_name(name) and resources.asked(name).certain else ",".join((name, *exclusions))
        for name in names
        if name not in exclusions
    ]


def _check_length(scopes: int) -> None:
    limit = conf.getint("core", "max_map_length", fallback=_MAX_MAP_LENGTH)
    if scopes > limit:
        raise UsageError(
            f"{scopes} scopes are more than Airflow maps one task over ([core] max_map_length is {limit}): set "
            f"AIRFLOW__CORE__MAX_MAP_LENGTH={scopes} or more for the whole deployment, choose fewer contexts or "
            "resources, split the contexts over several DAGs, or plan one task per context with group_by='context'"
        )
