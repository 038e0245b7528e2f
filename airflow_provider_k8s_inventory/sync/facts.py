"""Facts about one cluster that the syncs of its context share, so that it is asked once for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import Any, Final, TypeVar

from airflow_provider_k8s_inventory.exceptions import ForbiddenError, NotServedError, ScopeError
from airflow_provider_k8s_inventory.kube import cluster, discovery
from airflow_provider_k8s_inventory.kube.http.client import Client

_T = TypeVar("_T")

_SECONDS: Final = 30
"""How long a response is reused: there may be another cluster behind the address by then."""


class ClusterFacts:
    """A cache of identity, discovery and namespaces; may be used by several threads."""

    def __init__(self, client: Client) -> None:
        """Ask nothing yet.

        :param client: the cluster.
        """
        self._client = client
        self._lock = Lock()
        self._asked: dict[str, Future[Any]] = {}
        self._since = 0.0
        self._remarks = client.context.warnings

    def identity(self) -> cluster.Identity:
        """Identify the cluster.

        :raises ScopeError: as `cluster.identify`.
        """
        return self._once("identity", cluster.identify)

    def cluster_uid(self) -> tuple[str | None, ScopeError | None]:
        """Return the UID of the cluster, or the reason why there is none.

        :raises ScopeError: when the cluster does not respond, or not with what was asked for.
        """
        try:
            return self.identity().uid, None
        except (ForbiddenError, NotServedError) as error:
            return None, error

    def cluster_uid_now(self) -> str | None:
        """Return the UID of the cluster that responds now, whatever responded before; None: it cannot be told.

        :raises ScopeError: as `cluster_uid`.
        """
        with self._lock:
            self._asked.pop("identity", None)
        return self.cluster_uid()[0]

    def discovery(self) -> discovery.Discovery:
        """Discover what the cluster serves. Never use it to prove absence; `discovery.serves` asks anew.

        :raises ScopeError: as `discovery.discover`.
        """
        return self._once("discovery", discovery.discover)

    def has_namespace(self, name: str) -> bool:
        """Tell if the cluster has a namespace of that name.

        :raises ScopeError: as `cluster.has_namespace`.
        """
        return self._once(f"namespace {name}", partial(cluster.has_namespace, name=name))

    def remarks(self) -> tuple[str, ...]:
        """Return what a person should know of the kubeconfig: for the first scope's report, and not for each."""
        with self._lock:
            remarks, self._remarks = self._remarks, ()
        return remarks

    def forget(self) -> None:
        """Ask anew from now on: a cluster that did not respond may be another one when it does."""
        with self._lock:
            self._asked.clear()

    def _once(self, name: str, ask: Callable[[Client], _T]) -> _T:
        """Ask, or share the response of whoever asked before; a failure is shared with those who wait for it."""
        with self._lock:
            if time.monotonic() - self._since > _SECONDS:
                self._asked.clear()
                self._since = time.monotonic()
            first = name not in self._asked
            future: Future[_T] = self._asked.setdefault(name, Future())
        if first:
            try:
                future.set_result(ask(self._client))
            except BaseException as error:
                future.set_exception(error)
                # A right or a path that is missing now will be missing for the next scope too.
                if not isinstance(error, (ForbiddenError, NotServedError)):
                    self.forget()
        return future.result()
