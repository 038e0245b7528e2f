"""READY, STATUS and RESTARTS of a pod as kubectl prints them, and its problem; what a pod's row holds is in `pods`.

kubectl shows what the API server's table printer computes, from far more than the phase:
https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/printers/internalversion/printers.go (printPod).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from airflow_provider_k8s_inventory.resources import shared
from airflow_provider_k8s_inventory.resources.podspec import Container, Spec

_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
"""Reasons to wait that pass by themselves."""


class _Waiting(msgspec.Struct, frozen=True, gc=False):
    reason: str | None = None
    message: str | None = None


class _Terminated(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    reason: str | None = None
    message: str | None = None
    finished_at: str | None = None
    exit_code: int = 0
    signal: int = 0

    @property
    def shown(self) -> str:
        return self.reason or (f"Signal:{self.signal}" if self.signal else f"ExitCode:{self.exit_code}")


class _Running(msgspec.Struct, frozen=True, gc=False):
    pass


class _State(msgspec.Struct, frozen=True, gc=False):
    waiting: _Waiting | None = None
    running: _Running | None = None
    terminated: _Terminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One entry of the container statuses."""

    name: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image_id: str = msgspec.field(name="imageID", default="")
    state: _State = _State()
    last_state: _State = _State()


class Status(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The part of a pod's status that columns are computed of."""

    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    conditions: list[shared.Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


@dataclass(kw_only=True, slots=True)
class Shown:
    """The columns that kubectl prints of a pod: READY is ``ready/total``."""

    status: str
    ready: int
    total: int
    restarts: int


def show(spec: Spec, status: Status, *, deleting: bool) -> Shown:
    """Compute what kubectl prints.

    :param spec: the pod's spec.
    :param status: the pod's status.
    :param deleting: whether it has a deletionTimestamp.
    """
    sidecars = _sidecars(spec.init_containers) if spec.init_containers else frozenset()
    shown = Shown(
        status=status.reason or status.phase or "",
        ready=0,
        total=len(spec.containers or ()) + len(sidecars),
        restarts=0,
    )
    for condition in status.conditions or ():
        if condition.type == "PodScheduled" and condition.reason == "SchedulingGated":
            shown.status = "SchedulingGated"
    initializing, restarts_of_sidecars = _show_init_containers(shown, spec, status, sidecars)
    if not initializing or shared.holds(status.conditions, "Initialized"):
        shown.restarts = restarts_of_sidecars
        _show_containers(shown, status)
    if deleting and status.reason == "NodeLost":
        shown.status = "Unknown"
    elif deleting and status.phase not in ("Succeeded", "Failed"):
        shown.status = "Terminating"
    return shown


def _sidecars(containers: list[Container]) -> frozenset[str]:
    """Find the init containers that go on running; they count as containers."""
    return frozenset([container.name for container in containers if container.restart_policy == "Always"])


def _show_init_containers(shown: Shown, spec: Spec, status: Status, sidecars: frozenset[str]) -> tuple[bool, int]:
    """Tell if an init container is still at work, which gives the status; count the sidecars' restarts up to it."""
    restarts_of_sidecars = 0
    for position, container in enumerate(status.init_container_statuses or ()):
        shown.restarts += container.restart_count
        if container.name in sidecars:
            restarts_of_sidecars += container.restart_count
        waiting, terminated = container.state.waiting, container.state.terminated
        if terminated and terminated.exit_code == 0:
            continue
        if container.name in sidecars and container.started:
            shown.ready += container.ready
            continue
        if terminated:
            shown.status = f"Init:{terminated.shown}"
        elif waiting and waiting.reason and waiting.reason != "PodInitializing":
            shown.status = f"Init:{waiting.reason}"
        else:
            shown.status = f"Init:{position}/{len(spec.init_containers or ())}"
        return True, restarts_of_sidecars
    return False, restarts_of_sidecars


def _show_containers(shown: Shown, status: Status) -> None:
    running, failure = False, ""
    for container in reversed(status.container_statuses or ()):
        shown.restarts += container.restart_count
        state = container.state
        if state.waiting and state.waiting.reason:
            shown.status = state.waiting.reason
        elif state.terminated:
            shown.status = state.terminated.shown
            failure = shown.status if state.terminated.exit_code else failure
        elif container.ready and state.running:
            running = True
            shown.ready += 1
    if shown.status == "Completed":
        shown.status = _completed(running and shared.holds(status.conditions, "Ready"), failure, running)


def _completed(well: bool, failure: str, running: bool) -> str:
    """One container completed: what is said of the pod depends on the others."""
    if well:
        return "Running"
    return failure or ("NotReady" if running else "Completed")


def problem(status: Status, shown: str, *, deleting: bool) -> tuple[str | None, str | None]:
    """Say in a word why a pod is not well, as a person would, and what Kubernetes says of it.

    :param shown: its STATUS as kubectl prints it.
    :returns: None and None of one that is well, that has ended well, or that is being deleted.
    """
    if status.reason == "NodeLost" or status.phase == "Unknown":
        return status.reason or "Unknown", status.message
    if deleting or status.phase == "Succeeded":
        return None, None
    false = _false(status.conditions)
    unscheduled = false.get("PodScheduled")
    if unscheduled:
        return unscheduled.reason or "Unschedulable", unscheduled.message
    if status.phase == "Failed":
        return (shown if shown != "Completed" else "Failed"), status.message or _said(status)
    return _stuck(status) or (_not_ready(status, false.get("Ready"), shown) if status.phase else (None, None))


def since(status: Status) -> datetime | None:
    """Tell since when a pod has a problem, as far as it says: since it is not scheduled or ready, or since it ended."""
    false = _false(status.conditions)
    for type_ in ("PodScheduled", "Ready"):
        if (condition := false.get(type_)) and (changed := shared.time(condition.changed)):
            return changed
    states = [state for each in status.container_statuses or () for state in (each.state, each.last_state)]
    ends = (shared.time(state.terminated.finished_at) for state in states if state.terminated)
    return max(filter(None, ends), default=None)


def _false(conditions: list[shared.Condition] | None) -> dict[str, shared.Condition]:
    """Find the conditions that are ``False``, by type; of several the first."""
    found: dict[str, shared.Condition] = {}
    for each in conditions or ():
        if each.status == "False":
            found.setdefault(each.type, each)
    return found


def _said(status: Status) -> str | None:
    """Return what the first container that failed said at its end."""
    ended = (each.state.terminated for each in status.container_statuses or ())
    return next((each.message for each in ended if each and each.exit_code and each.message), None)


def _stuck(status: Status) -> tuple[str, str | None] | None:
    """Say what holds up the first container that does not get on."""
    for containers in (status.init_container_statuses, status.container_statuses):
        for container in containers or ():
            waiting, before = container.state.waiting, container.last_state.terminated
            if waiting and waiting.reason and waiting.reason not in _STARTING:
                killed = f" ({before.reason})" if before and before.reason not in (None, "Error", "Completed") else ""
                return f"{waiting.reason}{killed}", waiting.message
    return None


def _not_ready(status: Status, unready: shared.Condition | None, shown: str) -> tuple[str | None, str | None]:
    if status.phase == "Pending":
        return shown or "Pending", None
    # Containers that have done their work make a pod unready that will not run for ever.
    if unready and unready.reason != "PodCompleted":
        return ("NotReady" if shown == "Running" else shown), unready.message
    return None, None
