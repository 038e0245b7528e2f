"""What the syncs of one context find out about its cluster and share, so that it is asked once for all of them.

How it is asked is in `kube`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import Any, Final, TypeVar

from airflow_provider_k8s_inventory.exceptions import ForbiddenError, NotServedError
from airflow_provider_k8s_inventory.kube import cluster, discovery
from airflow_provider_k8s_inventory.kube.client import Client

_T = TypeVar("_T")

_SECONDS: Final = 30
"""How long an answer is good: behind an address there may be another cluster by then."""


class Known:
    """What is known of one cluster for the length of some syncs; may be used by several threads."""

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
        """Which cluster this is.

        :raises ScopeError: as `cluster.identify`.
        """
        return self._once("identity", cluster.identify)

    def discovery(self) -> discovery.Discovery:
        """What the cluster serves. It is no proof of absence: that takes an answer younger than what it is to prove.

        :raises ScopeError: as `discovery.discover`.
        """
        return self._once("discovery", discovery.discover)

    def has_namespace(self, name: str) -> bool:
        """Whether the cluster has a namespace of that name.

        :raises ScopeError: as `cluster.has_namespace`.
        """
        return self._once(f"namespace {name}", partial(cluster.has_namespace, name=name))

    def remarks(self) -> tuple[str, ...]:
        """What a person should know of how the kubeconfig was read: for the first scope's report, and not for each."""
        with self._lock:
            remarks, self._remarks = self._remarks, ()
        return remarks

    def forget(self) -> None:
        """Ask anew from now on: the cluster did not answer, and who knows what it is when it does."""
        with self._lock:
            self._asked.clear()

    def _once(self, name: str, ask: Callable[[Client], _T]) -> _T:
        """The answer; those who ask while it is under way share it, also a failure, which nobody else gets."""
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
