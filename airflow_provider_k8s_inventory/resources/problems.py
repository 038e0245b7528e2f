"""The columns ``problem``: why an object is not well, in the word that a person would say, told by the object alone.

That of a pod is computed in `podstatus`. A column never depends on the time: `problem_since` is as the object says it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from airflow_provider_k8s_inventory.resources.declare import Part, at, computed
from airflow_provider_k8s_inventory.resources.paths import At
from airflow_provider_k8s_inventory.resources.shared import Condition, time

Conditions = list[Condition] | None

_READ: Final = at("status.conditions", list[Condition])
SINCE: Final = ("timestamp with time zone", "Since when, as far as the object says")
"""The type and the comment of the column ``problem_since``."""


def problem(function: Callable[..., str | None], *reads: At, examples: str) -> Part:
    """Keep the problem of an object.

    :param function: takes the values that are read; returns None where the object is well.
    :param reads: the values.
    :param examples: some problems, for the comment.
    """
    return computed(function, *reads, problem=("text", f"Why it is not well: {examples}; NULL: it is"))


def by_conditions(bad: Mapping[str, str], examples: str) -> Part:
    """Keep the reason of the first condition that has a bad status.

    :param bad: the bad status by the condition's type, the worst first.
    """
    return _problem_since(partial(_reason, bad=bad), _READ, examples=examples)


def of_replicas(wanted: At, ready: str) -> Part:
    """Keep why not all replicas are ready.

    :param wanted: how many there should be.
    :param ready: the path of how many are.
    """
    examples = "ProgressDeadlineExceeded, FailedCreate, 1 of 3 ready"
    return _problem_since(_unready, _READ, wanted, at(ready, int, missing=0), examples=examples)


def _problem_since(function: Callable[..., tuple[str | None, datetime | None]], *reads: At, examples: str) -> Part:
    """Keep the problem of an object, and since when it has it."""
    comment = f"Why it is not well: {examples}; NULL: it is"
    return computed(function, *reads, problem=("text", comment), problem_since=SINCE)


def by_phase(*bad: str) -> Part:
    """Keep the phase, where it is a bad one."""
    return problem(partial(_in, bad=bad), at("status.phase", str), examples=", ".join(bad))


def _in(phase: str | None, bad: Collection[str]) -> str | None:
    return phase if phase in bad else None


def _unready(conditions: Conditions, replicas: int | None, ready: int) -> tuple[str | None, datetime | None]:
    wanted = 1 if replicas is None else replicas
    found, since = _reason(conditions, bad={"ReplicaFailure": "True", "Progressing": "False"})
    if found or ready >= wanted:
        return found, since
    return f"{ready} of {wanted} ready", _reason(conditions, bad={"Available": "False"})[1]


def _reason(conditions: Conditions, bad: Mapping[str, str]) -> tuple[str | None, datetime | None]:
    for type_, status in bad.items():
        for condition in _of(conditions, type_):
            if condition.status == status:
                return condition.reason or type_, time(condition.changed)
    return None, None


def _of(conditions: Conditions, type_: str) -> Iterable[Condition]:
    return (condition for condition in conditions or () if condition.type == type_)


def of_node(conditions: Conditions) -> tuple[str | None, str | None, datetime | None]:
    """Return the problem of a node, what its kubelet says of it, and since when."""
    ready = next(iter(_of(conditions, "Ready")), Condition(status="Unknown"))
    if ready.status != "True":
        unknown = " (Unknown)" if ready.status == "Unknown" else ""
        return f"NotReady{unknown}", ready.message, time(ready.changed)
    for type_ in ("NetworkUnavailable", "MemoryPressure", "DiskPressure", "PIDPressure"):
        for condition in _of(conditions, type_):
            if condition.status == "True":
                return type_, condition.message, time(condition.changed)
    return None, None, None
