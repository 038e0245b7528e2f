"""What the syncs of a DAG run came to, from two witnesses: the ledger, and the states Airflow knows.

A task whose worker was killed, or that could not reach the database, has left nothing in the ledger; the states show
it. Reading the ledger is in `postgres.ledger`, speaking about the outcome in `report`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    """The reports of the ledger, and one made up for each instance that failed and left none that says why.

    :param reports: the latest of each instance.
    :param states: those of all tasks upstream.
    :param planned: what the sync was mapped over, to name the scopes of instances that left no report; may be empty.
    :param now: the time made-up reports get.
    """
    removed = {instance for instance, state in states.items() if state == "removed"}
    known = [report for report in reports if _instance(report) not in removed]
    failed = {instance: state for instance, state in states.items() if state not in _NO_FAILURE}
    said = {_instance(report) for report in known if not report.good}
    last = {_instance(report): report for report in known}
    names = _names(planned, states)
    return known + [
        _made_up(instance, state, last.get(instance), names.get(instance), now)
        for instance, state in failed.items()
        if instance not in said
    ]


def _made_up(
    instance: Instance, state: str | None, last: SyncReport | None, scope: Scope | None, now: datetime
) -> SyncReport:
    """Of the instance itself where scopes of it have reports, all of them good; else of what it was to sync."""
    itself = Scope(context_name=last.context_name if last else "-", resource=str(instance))
    scope = itself if last else scope or itself
    return SyncReport(
        context_name=scope.context_name,
        cluster_uid=None,
        resource=scope.resource,
        status="failed",
        reason=_end(instance, state, last),
        started_at=now,
        finished_at=now,
        origin=Origin(task_id=instance.task_id, map_index=instance.map_index),
    )


def _end(instance: Instance, state: str | None, last: SyncReport | None) -> str:
    if state != "failed":
        return f"the task instance {instance} has not ended, it is {state or 'not even scheduled'}"
    left = f"though every scope it reported in try {last.origin.try_number} ended well" if last else "without a report"
    return f"the task instance {instance} broke off {left}; its log says why"


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
