"""How the scopes of a watch are: for the health of the process, and for its metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_k8s_inventory.metrics import declared
from airflow_provider_k8s_inventory.metrics.declared import Sample
from airflow_provider_k8s_inventory.metrics.series import Series
from airflow_provider_k8s_inventory.model import SyncReport


@dataclass(slots=True)
class Condition:
    """The condition of one scope: ready when it is caught up, or known to be failing."""

    context_name: str
    resource: str
    caught_up: bool = False
    problem: str | None = None
    fresh_at: datetime | None = None
    """When its rows were last what the cluster said; None: not in this process."""

    @property
    def ready(self) -> bool:
        """True where there is nothing to wait for."""
        return self.caught_up or self.problem is not None


class Conditions:
    """The conditions of all scopes of a process, and what their syncs did."""

    def __init__(self, *, unseen: set[str]) -> None:
        """Begin without scopes.

        :param unseen: the contexts of which nobody knows yet which scopes they have.
        """
        self.unseen = unseen
        self.waiting: set[str] = set()
        """The contexts that another watcher leads, or of which nobody knows yet."""
        self._scopes: dict[tuple[str, str], Condition] = {}
        self._series = Series()

    def __iter__(self) -> Iterator[Condition]:
        return iter(tuple(self._scopes.values()))

    def of(self, context_name: str, resource: str) -> Condition:
        """Return the condition of a scope, a new one where it has none."""
        return self._scopes.setdefault((context_name, resource), Condition(context_name, resource))

    @property
    def ready(self) -> bool:
        """True where each scope is; those that another watcher leads are its own."""
        return not self.unseen - self.waiting and all(each.ready for each in self)

    def tell(self, report: SyncReport) -> None:
        """Count what a sync, or a batch of a watch, did."""
        self._series.add(declared.samples(report))

    def metrics(self) -> list[Sample]:
        """Return the metrics so far, and how old the rows of each scope are now."""
        now = datetime.now(UTC)
        for each in self:
            name = each.context_name, each.resource
            self._series.add(declared.standing(*name, good=each.caught_up, fresh_at=each.fresh_at, now=now))
        return self._series.samples()
