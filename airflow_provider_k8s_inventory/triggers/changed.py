"""The trigger of an asset that has an event when something moved in a cluster.

What moved is told by `kube.moves`, and how often by `debouncing`. The clients come in when it runs: each parse of a DAG
file imports this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_k8s_inventory.exceptions import InventoryError, UsageError
from airflow_provider_k8s_inventory.resources import signalling

if TYPE_CHECKING:
    from airflow_provider_k8s_inventory.kube.moves import Moves
    from airflow_provider_k8s_inventory.kube.sources.contexts import Context

MOST: Final = 500
"""Watches of one trigger. Each is a connection of the triggerer, whose one event loop has all triggers: 500, of 100
contexts over TLS, took 160 MB, 2 s of CPU to open, 0.4 % of a core idle, and 8 % at 170 changes a second."""
RELOAD: Final = 600.0
"""Seconds between two looks at the kubeconfig, whose contexts and credentials may be others by then."""
RETRY: Final = 60.0
"""Seconds until a kubeconfig that could not be used is read again."""


class InventoryChangedTrigger(BaseEventTrigger):
    """Send an event when something moved in a cluster: only that, and in which scopes, for a run to sync them.

    It is for an `AssetWatcher`. The payload is ``{"moved": {"dev": ["pods", "services"]}}``, the resources by context,
    and sometimes ``"problem"``: why not all is watched that should be. It begins from now: what moved while no
    triggerer had it is for the scheduled syncs. It may run twice, die, or be made anew; that costs a sync, or waits for
    the next one.

    A cluster that is down, or refuses a watch, is tried again, and stops no other one. A trigger that ended by an error
    would be started again at once, and again; so this one says its problem once, in an event, and waits.

    :param contexts: names or globs of contexts; empty means all.
    :param exclude_contexts: names or globs to leave out.
    :param resource_names: the resources to watch, as kubectl writes them; empty means namespaces, pods, deployments,
        services and crds. Custom ones with their version: ``certificates.v1.cert-manager.io``. Leases, events,
        endpoints and endpointslices change all the time and cannot be among them.
    :param kubernetes_conn_id: as for `KubernetesToPostgresOperator`; None takes the kubeconfig of the triggerer.
    :param allow_exec: as there.
    :param window: seconds in which moves are gathered to one event.
    :param longest_window: while moves go on, each window is twice as long as the one before, up to so many seconds.
    :raises UsageError: for a resource or a number that cannot be, when the DAG is parsed.
    """

    def __init__(
        self,
        *,
        contexts: Sequence[str] = (),
        exclude_contexts: Sequence[str] = (),
        resource_names: Sequence[str] = (),
        kubernetes_conn_id: str | None = None,
        allow_exec: bool = False,
        window: float = 10,
        longest_window: float = 300,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # Airflow 3.2.0 takes a tuple, which comes back as a list, for another trigger: at each parse for a new one.
        # https://github.com/apache/airflow/issues/64617
        self.contexts = _texts("contexts", contexts)
        self.exclude_contexts = _texts("exclude_contexts", exclude_contexts)
        self.resource_names = _texts("resource_names", resource_names)
        self.kubernetes_conn_id = kubernetes_conn_id
        self.allow_exec = allow_exec
        self.window = window
        self.longest_window = longest_window
        if not 1 <= window <= longest_window:
            raise UsageError(
                f"window must be at least 1 s and at most longest_window, got {window} and {longest_window}"
            )
        signalling.find(self.resource_names)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the class and its arguments, in types of JSON."""
        names = (
            "contexts",
            "exclude_contexts",
            "resource_names",
            "kubernetes_conn_id",
            "allow_exec",
            "window",
            "longest_window",
        )
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each signal, for ever."""
        from airflow_provider_k8s_inventory.kube.moves import Moves
        from airflow_provider_k8s_inventory.triggers.debouncing import signals

        moves = Moves()
        keeping = asyncio.create_task(self._keep(moves))
        try:
            async with aclosing(signals(moves, window=self.window, longest=self.longest_window)) as coming:
                async for signal in coming:
                    said = {"problem": signal.problem} if signal.problem else {}
                    self.log.info("moved: %s", signal.moved)
                    yield TriggerEvent({"moved": signal.moved, **said})  # type: ignore[no-untyped-call]
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
            await moves.close()

    async def _keep(self, moves: Moves) -> None:
        """Watch what the kubeconfig says, and look again and again whether it says something else."""
        from asgiref.sync import sync_to_async

        resources = signalling.find(self.resource_names or signalling.DEFAULT)
        while True:
            try:
                # A Connection is asked for, and files are read, in the thread from which Airflow can be asked.
                contexts = await sync_to_async(self._find)(len(resources))
                await moves.watch(contexts, resources)
                self.log.info("%d contexts × %s are watched", len(contexts), ", ".join(resources))
                pause = RELOAD
            except Exception as error:
                # The text of an unknown error may be anything, a secret too; Airflow masks those in the log.
                known = isinstance(error, (InventoryError, AirflowNotFoundException))
                problem = str(error) if known else f"{type(error).__name__}: the log of the triggerer says more"
                self.log.error("%s; what was watched before goes on", problem, exc_info=None if known else error)
                moves.trouble(problem)
                pause = RETRY
            await asyncio.sleep(pause)

    def _find(self, resources: int) -> tuple[Context, ...]:
        """Read the kubeconfig.

        :raises UsageError: when there is none, or there would be too many watches.
        """
        from airflow_provider_k8s_inventory.hooks.kubernetes import KubernetesInventoryHook

        hook = KubernetesInventoryHook(self.kubernetes_conn_id, allow_exec=self.allow_exec)
        found = hook.contexts(self.contexts, self.exclude_contexts)
        if len(found) * resources > MOST:
            raise UsageError(
                f"{len(found)} contexts × {resources} resources are more than {MOST} watches, the most of a trigger: "
                "name fewer contexts or resources, or give the contexts to several watchers"
            )
        return found


def _texts(argument: str, value: Sequence[str]) -> list[str]:
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{argument} must be a list of texts, got {value!r}")
    return list(value)
