"""What the syncs of a DAG run came to, from two witnesses: the ledger, and the states Airflow knows.

A task whose worker was killed, or that could not reach the database, has left nothing in the ledger; the states show
it. Reading the ledger is in `postgres.ledger`, speaking about the outcome in `report`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from airflow_provider_k8s_inventory.model import Origin, Scope, SyncReport

_NO_FAILURE: Final = frozenset({"success", "skipped", "upstream_failed", "removed"})
"""What is upstream of an `upstream_failed` task is upstream of the report too, and is reported itself."""


class Instance(NamedTuple):
    """A task instance of the run; its map index is -1 when it is not mapped."""

    task_id: str
    map_index: int

    def __str__(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


def instances(task_id: str, states: Mapping[str, str | None]) -> dict[Instance, str | None]:
    """The states of one task's instances.

    :param task_id: the task.
    :param states: as Airflow's `get_task_states` gives those of one run and this one task: by ``task_id``, or by
        ``task_id_N`` for a mapped one.
    """
    return {
        Instance(task_id, -1 if key == task_id else int(key.removeprefix(f"{task_id}_"))): state
        for key, state in states.items()
    }


def outcome(
    reports: Iterable[SyncReport],
    states: Mapping[Instance, str | None],
    planned: Sequence[Mapping[str, str]],
    *,
    now: datetime,
) -> list[SyncReport]:
    """One report per scope: the ledger's, or one made up for an instance that failed without leaving its own.

    :param reports: the latest of each instance.
    :param states: those of all tasks upstream.
    :param planned: what the sync was mapped over, to name the scopes of instances that left no report; may be empty.
    :param now: the time made-up reports get.
    """
    removed = {instance for instance, state in states.items() if state == "removed"}
    known = [report for report in reports if _instance(report) not in removed]
    failed = {instance: state for instance, state in states.items() if state not in _NO_FAILURE}
    said = {_instance(report) for report in known if not report.good}
    silent = {instance: state for instance, state in failed.items() if instance not in said}
    spoken = [_contradicted(report, silent) for report in known]
    left = {instance: state for instance, state in silent.items() if instance not in map(_instance, known)}
    names = _names(planned, states)
    return spoken + [_made_up(instance, state, names.get(instance), now) for instance, state in left.items()]


def _contradicted(report: SyncReport, silent: Mapping[Instance, str | None]) -> SyncReport:
    """A good report of an instance whose later try broke off is not true any more."""
    instance = _instance(report)
    if instance not in silent:
        return report
    reason = f"{_end(instance, silent[instance])}; its last report is of try {report.origin.try_number}"
    return replace(report, status="failed", reason=reason)


def _made_up(instance: Instance, state: str | None, scope: Scope | None, now: datetime) -> SyncReport:
    return SyncReport(
        context_name=scope.context_name if scope else "-",
        cluster_uid=None,
        resource=scope.resource if scope else str(instance),
        status="failed",
        reason=_end(instance, state),
        started_at=now,
        finished_at=now,
        origin=Origin(task_id=instance.task_id, map_index=instance.map_index),
    )


def _end(instance: Instance, state: str | None) -> str:
    if state == "failed":
        return f"the task instance {instance} broke off without a report; its log says why"
    return f"the task instance {instance} has not ended, it is {state or 'not even scheduled'}"


def _names(planned: Sequence[Mapping[str, str]], states: Mapping[Instance, str | None]) -> dict[Instance, Scope]:
    """The scopes by map index, as far as it is sure that the plan is what the task was mapped over."""
    mapped = [instance for instance, state in states.items() if instance.map_index >= 0 and state != "removed"]
    if len({instance.task_id for instance in mapped}) != 1 or len(mapped) != len(planned):
        return {}
    scopes = [Scope(context_name=each["cluster_context"], resource=each["resource"]) for each in planned]
    return {instance: scopes[instance.map_index] for instance in mapped if instance.map_index < len(scopes)}


def _instance(report: SyncReport) -> Instance:
    index = report.origin.map_index
    return Instance(report.origin.task_id or "", -1 if index is None else index)
