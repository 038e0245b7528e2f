"""The outcome of a DAG run's syncs, from two witnesses: the ledger, and the states Airflow knows.

A task whose worker was killed, or that could not reach the database, has left nothing in the ledger; the states show
it. Reading the ledger is in `postgres.ledger`, speaking about the outcome in `report`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UnknownResourceError, UsageError
from airflow_provider_k8s_inventory.hooks import arguments
from airflow_provider_k8s_inventory.model import EVERYTHING, Origin, Selection, SyncReport

NARROWING: Final = ("namespaces", "label_selector", "field_selector")
"""The arguments of a sync that narrow it."""
_NO_FAILURE: Final = frozenset({"success", "skipped", "upstream_failed", "removed"})
"""What is upstream of an `upstream_failed` task is upstream of the report too, and is reported itself."""


class Instance(NamedTuple):
    """A task instance of the run; its map index is -1 when it is not mapped."""

    task_id: str
    map_index: int

    def __str__(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


def instances(task_id: str, states: Mapping[str, str | None]) -> dict[Instance, str | None]:
    """Pick the states of one task's instances.

    :param task_id: the task.
    :param states: as Airflow's `get_task_states` gives those of one run and this one task: by ``task_id``, or by
        ``task_id_N`` for a mapped one.
    """
    return {
        Instance(task_id, -1 if key == task_id else int(key.removeprefix(f"{task_id}_"))): state
        for key, state in states.items()
    }


class Failure(NamedTuple):
    """The reason that a task left before it failed."""

    reason: str
    host: str | None = None


def outcome(
    reports: Iterable[SyncReport],
    states: Mapping[Instance, str | None],
    planned: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    failures: Mapping[Instance, Failure] | None = None,
    narrowed: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[SyncReport]:
    """Return the reports of the ledger, and one made up for each scope whose task failed and left none.

    They are in the order of the instances.

    :param reports: the latest of each instance.
    :param states: those of all tasks upstream.
    :param planned: what the sync was mapped over, to name the scopes of instances that left no report; may be empty.
    :param now: the time made-up reports get.
    :param failures: what failed instances said of themselves; a worker that was killed said nothing.
    :param narrowed: the arguments that narrow what tasks sync, by their names; those of the plan go before.
    """
    removed = {instance for instance, state in states.items() if state == "removed"}
    known = [report for report in reports if _instance(report) not in removed]
    by_instance: dict[Instance, list[SyncReport]] = {}
    for report in known:
        by_instance.setdefault(_instance(report), []).append(report)
    plan = _plan(planned, states, narrowed or {})
    synthesized = [
        report
        for instance, state in states.items()
        if state not in _NO_FAILURE
        for report in _missing(
            _Broken(instance=instance, state=state, failure=(failures or {}).get(instance), now=now),
            by_instance.get(instance, []),
            plan.get(instance),
        )
    ]
    # Stable: those of the ledger come first, in their order.
    return sorted(known + synthesized, key=_instance)


class _Planned(NamedTuple):
    """The scopes that one instance was to sync."""

    context_name: str
    names: tuple[str, ...]
    uncertain: tuple[str, ...]
    """Globs and groups, and names that the cluster alone can resolve."""
    selections: Mapping[str, Selection]
    """The selection of each, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Broken:
    """An instance that did not end well."""

    instance: Instance
    state: str | None
    failure: Failure | None
    now: datetime

    @property
    def end(self) -> str:
        """A sentence about its end."""
        if self.failure:
            reason, host = self.failure
            return reason if not host or reason.startswith(f"on {host}: ") else f"{reason} (on {host})"
        if self.state != "failed":
            return f"no report: {self.instance} has not ended, it is {self.state or 'not even scheduled'}"
        return f"no report: the worker of {self.instance} died or was cut off, or the task's log says why"

    def report(self, context_name: str, resource: str, reason: str, selection: Selection = EVERYTHING) -> SyncReport:
        """Make up a report."""
        return SyncReport(
            context_name=context_name,
            cluster_uid=None,
            resource=resource,
            selection=selection,
            status="failed",
            reason=reason,
            started_at=self.now,
            finished_at=self.now,
            host=self.failure.host if self.failure else None,
            origin=Origin(task_id=self.instance.task_id, map_index=self.instance.map_index),
        )


def _missing(broken: _Broken, reports: Sequence[SyncReport], planned: _Planned | None) -> list[SyncReport]:
    """Make up a report for each scope of which nothing is known, or one for the task where none can be named."""
    lost = [] if planned is None else _unreported(broken, reports, planned)
    if lost or any(not report.good for report in reports):
        return lost
    if not reports:
        return [broken.report("", str(broken.instance), broken.end)]
    last = reports[-1]
    said = f"{broken.end}; every scope it reported in try {last.origin.try_number} ended well"
    return [broken.report(last.context_name, str(broken.instance), said)]


def _unreported(broken: _Broken, reports: Sequence[SyncReport], planned: _Planned) -> list[SyncReport]:
    reported = {report.resource for report in reports}
    context_name, of = planned.context_name, planned.selections
    lost = [broken.report(context_name, name, broken.end, of[name]) for name in planned.names if name not in reported]
    # A task that ended by itself has reported what they meant.
    if not broken.failure or not reports:
        lost += [
            broken.report(context_name, name, f"{broken.end}; what {name} means there is not known", of[name])
            for name in planned.uncertain
            if name not in reported
        ]
    return lost


def _plan(
    planned: Sequence[Mapping[str, Any]],
    states: Mapping[Instance, str | None],
    narrowed: Mapping[str, Mapping[str, Any]],
) -> dict[Instance, _Planned]:
    """Map instances to what they were to sync, as far as it is sure that the task was mapped over that."""
    mapped = [instance for instance, state in states.items() if instance.map_index >= 0 and state != "removed"]
    if len({instance.task_id for instance in mapped}) != 1 or len(mapped) != len(planned):
        return {}
    return {
        instance: _read({**narrowed.get(instance.task_id, {}), **planned[instance.map_index]})
        for instance in mapped
        if instance.map_index < len(planned)
    }


def _read(scopes: Mapping[str, Any]) -> _Planned:
    certain: dict[str, Selection] = {}
    uncertain: dict[str, Selection] = {}
    selection_of = _selections(scopes)
    for name in arguments.names("resource", scopes["resource"]):
        try:
            asked = resources.asked(name)
        except UnknownResourceError:  # the sync has said so
            continue
        if resources.is_exclusion(asked.name):
            continue
        known = (asked.certain or asked.name in resources.CATALOGUE) and not resources.is_glob(asked.name)
        (certain if known else uncertain)[str(asked)] = selection_of(asked.name)
    return _Planned(
        context_name=scopes["cluster_context"],
        names=tuple(certain),
        uncertain=tuple(uncertain),
        selections=uncertain | certain,
    )


def _selections(scopes: Mapping[str, Any]) -> Callable[[str], Selection]:
    """Return what gives the selection of a resource."""
    try:
        chosen = arguments.selections(*map(scopes.get, NARROWING))
    except UsageError:  # the sync has said so
        return lambda name: EVERYTHING

    def of(name: str) -> Selection:
        definition = resources.CATALOGUE.get(name)
        return definition.narrow(chosen.of(name)) if definition else chosen.of(name)

    return of


def _instance(report: SyncReport) -> Instance:
    index = report.origin.map_index
    return Instance(report.origin.task_id or "", -1 if index is None else index)
