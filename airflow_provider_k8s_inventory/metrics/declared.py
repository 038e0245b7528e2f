"""The metrics, one declaration each: the README's table, what Airflow's Stats gets and every export come from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from airflow_provider_k8s_inventory.model import SyncReport

PREFIX: Final = "k8s_inventory.scope."

Kind = Literal["counter", "gauge", "timing"]
"""A sum over all syncs; the value of the last one; the length of one, which is a gauge where there are no timings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric."""

    name: str
    """With dots: ``"k8s_inventory.scope.seen"``."""
    kind: Kind
    unit: str
    """The unit of its value: ``"objects"``, ``"s"``."""
    tags: tuple[str, ...]
    """The names of its tags, which never hold the name of an object."""
    meaning: str
    suffix: str = ""
    """The unit at the end of Prometheus' name: https://prometheus.io/docs/practices/naming/."""

    def prometheus(self, *, total: bool) -> str:
        """Return Prometheus' name.

        :param total: whether a counter has the sum of all syncs of a process, not what the last one had.
        """
        ending = "_total" if total and self.kind == "counter" else ""
        return self.name.replace(".", "_") + self.suffix + ending


class Sample(NamedTuple):
    """One value of a metric."""

    metric: Metric
    tags: Mapping[str, str]
    value: float


_SCOPE: Final = ("context", "resource")


def _metric(name: str, kind: Kind, unit: str, meaning: str, suffix: str = "", tags: tuple[str, ...] = _SCOPE) -> Metric:
    return Metric(name=PREFIX + name, kind=kind, unit=unit, tags=tags, meaning=meaning, suffix=suffix)


DURATION: Final = _metric("duration", "timing", "s", "the length of the sync", "_seconds")
ENDED: Final = _metric(
    "ended", "counter", "syncs", "syncs, and batches of a watch, by how they ended", tags=(*_SCOPE, "status")
)
GOOD: Final = _metric("good", "gauge", "0 or 1", "1: the rows are what the cluster said; 0: the sync failed")
LAG: Final = _metric("lag", "gauge", "s", "the age of the rows when the sync ended; none if there are none", "_seconds")
FRESH: Final = _metric("fresh", "gauge", "s", "the Unix time at which the rows were true", "_timestamp_seconds")
_NUMBERS: Final = (
    _metric("seen", "gauge", "objects", "objects in the cluster; of good syncs only"),
    _metric("inserted", "counter", "rows", "rows of new objects"),
    _metric("updated", "counter", "rows", "rows that changed"),
    _metric("deleted", "counter", "rows", "rows whose objects are gone"),
    _metric("unselected", "counter", "rows", "rows that the selection no longer has"),
    _metric("noise", "counter", "rows", "changed rows of which no history was written"),
    _metric("bytes", "counter", "By", "bytes of the responses that had objects"),
    _metric("pages", "counter", "responses", "responses that had objects"),
    _metric("retries", "counter", "requests", "requests that were sent again"),
)

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {each.name: each for each in (DURATION, ENDED, GOOD, LAG, FRESH, *_NUMBERS)}
)
"""All metrics by name."""


def samples(report: SyncReport, fresh_at: datetime | None = None) -> Iterator[Sample]:
    """Yield what one sync of one scope adds; nothing of what is no scope, as an unknown resource.

    :param fresh_at: of a sync that is not good, when the rows were last true, if that is known.
    """
    if not report.context_name:
        return
    tags = {"context": report.context_name, "resource": report.resource}
    yield Sample(DURATION, tags, report.seconds)
    yield Sample(ENDED, {**tags, "status": report.status}, 1)
    yield Sample(GOOD, tags, int(report.good))
    for metric in _NUMBERS:
        value = getattr(report, metric.name.removeprefix(PREFIX))
        # A gauge of 0 would say that a cluster nobody could read is empty.
        if value is not None and (report.good or metric.kind == "counter"):
            yield Sample(metric, tags, value)
    yield from ages(report, fresh_at)


def ages(report: SyncReport, fresh_at: datetime | None = None) -> Iterator[Sample]:
    """Yield how old the rows are: those of a good sync were true when it began.

    :param fresh_at: as for `samples`.
    """
    at = report.started_at if report.good else fresh_at
    if at and report.context_name:
        yield from _ages({"context": report.context_name, "resource": report.resource}, at, report.finished_at)


def standing(
    context_name: str, resource: str, *, good: bool, fresh_at: datetime | None, now: datetime
) -> Iterator[Sample]:
    """Yield how a scope is that is watched.

    :param good: whether its rows are what the cluster says, as far as is known.
    :param fresh_at: when its rows were last true; None: that is not known.
    """
    tags = {"context": context_name, "resource": resource}
    yield Sample(GOOD, tags, int(good))
    if fresh_at:
        yield from _ages(tags, fresh_at, now)


def _ages(tags: Mapping[str, str], fresh_at: datetime, now: datetime) -> Iterator[Sample]:
    yield Sample(LAG, tags, max(0.0, (now - fresh_at).total_seconds()))
    yield Sample(FRESH, tags, fresh_at.timestamp())
