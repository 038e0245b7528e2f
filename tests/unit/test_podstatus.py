"""READY, STATUS and RESTARTS as `kubectl get pods` prints them.

Every expectation is what a kube-apiserver v1.36.3 answered for such a pod, asked for its table.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from airflow_provider_k8s_inventory.resources import podspec, podstatus

Case = tuple[dict[str, Any], tuple[str, str, int]]

RUNNING = {"running": {"startedAt": "2026-01-05T08:00:00Z"}}
INITIALIZED = {"type": "Initialized", "status": "True"}
NOT_INITIALIZED = {"type": "Initialized", "status": "False"}
READY = {"type": "Ready", "status": "True"}
NOT_READY = {"type": "Ready", "status": "False"}


def waiting(reason: str | None = None) -> dict[str, Any]:
    return {"waiting": {"reason": reason} if reason else {}}


def ended(exit_code: int, reason: str | None = None, signal: int = 0) -> dict[str, Any]:
    return {"terminated": {"exitCode": exit_code, "reason": reason, "signal": signal}}


def status(state: dict[str, Any], *, ready: bool = False, restarts: int = 0, **more: Any) -> dict[str, Any]:
    return {"state": state, "ready": ready, "restartCount": restarts, **more}


def pod_of(
    phase: str,
    *containers: dict[str, Any],
    init: tuple[dict[str, Any], ...] = (),
    sidecars: tuple[int, ...] = (),
    conditions: tuple[dict[str, Any], ...] = (),
    reason: str | None = None,
    deleting: bool = False,
    declared: int | None = None,
) -> dict[str, Any]:
    """A pod of these container statuses.

    :param sidecars: which of the init containers have restartPolicy Always.
    :param declared: how many containers the spec has, when not all have a status.
    """
    names = [f"c{number}" for number in range(len(containers) if declared is None else declared)]
    inits = [{"name": f"i{n}"} | ({"restartPolicy": "Always"} if n in sidecars else {}) for n in range(len(init))]
    return {
        "spec": {"containers": [{"name": name} for name in names], "initContainers": inits},
        "status": {
            "phase": phase,
            "reason": reason,
            "conditions": list(conditions),
            "containerStatuses": [{"name": f"c{n}"} | container for n, container in enumerate(containers)],
            "initContainerStatuses": [{"name": f"i{n}"} | container for n, container in enumerate(init)],
        },
        "deleting": deleting,
    }


UP = status(RUNNING, ready=True)
CASES: dict[str, Case] = {
    "running": (pod_of("Running", UP, conditions=(READY,)), ("1/1", "Running", 0)),
    "running but not ready": (pod_of("Running", status(RUNNING)), ("0/1", "Running", 0)),
    "restarts of all containers count": (
        pod_of("Running", status(RUNNING, ready=True, restarts=2), status(RUNNING, restarts=3)),
        ("1/2", "Running", 5),
    ),
    "pending without any status": (pod_of("Pending", declared=2), ("0/2", "Pending", 0)),
    "without a phase": (pod_of("", declared=1), ("0/1", "", 0)),
    "creating": (pod_of("Pending", status(waiting("ContainerCreating"))), ("0/1", "ContainerCreating", 0)),
    "no image": (pod_of("Pending", status(waiting("ImagePullBackOff"))), ("0/1", "ImagePullBackOff", 0)),
    "waiting for no reason": (pod_of("Pending", status(waiting())), ("0/1", "Pending", 0)),
    "crash loop": (
        pod_of("Running", status(waiting("CrashLoopBackOff"), restarts=7)),
        ("0/1", "CrashLoopBackOff", 7),
    ),
    "the first container's reason wins": (
        pod_of("Running", status(waiting("CrashLoopBackOff")), status(waiting("ImagePullBackOff"))),
        ("0/2", "CrashLoopBackOff", 0),
    ),
    "one crashes beside one that runs": (
        pod_of("Running", UP, status(waiting("CrashLoopBackOff"), restarts=4)),
        ("1/2", "CrashLoopBackOff", 4),
    ),
    "completed": (pod_of("Succeeded", status(ended(0, "Completed"))), ("0/1", "Completed", 0)),
    "out of memory": (pod_of("Failed", status(ended(137, "OOMKilled"), restarts=1)), ("0/1", "OOMKilled", 1)),
    "ended by a signal": (pod_of("Failed", status(ended(137, signal=9))), ("0/1", "Signal:9", 0)),
    "ended with a status": (pod_of("Failed", status(ended(3))), ("0/1", "ExitCode:3", 0)),
    "ended well without a reason": (pod_of("Succeeded", status(ended(0))), ("0/1", "ExitCode:0", 0)),
    "completed beside one that runs, ready": (
        pod_of("Running", status(ended(0, "Completed")), UP, conditions=(READY,)),
        ("1/2", "Running", 0),
    ),
    "completed beside one that runs, not ready": (
        pod_of("Running", status(ended(0, "Completed")), UP, conditions=(NOT_READY,)),
        ("1/2", "NotReady", 0),
    ),
    "completed beside one that runs, no condition": (
        pod_of("Running", status(ended(0, "Completed")), UP),
        ("1/2", "NotReady", 0),
    ),
    "completed behind one that runs": (
        pod_of("Running", UP, status(ended(0, "Completed")), conditions=(READY,)),
        ("1/2", "Running", 0),
    ),
    "completed beside one that failed": (
        pod_of("Failed", status(ended(0, "Completed")), status(ended(1, "Error"))),
        ("0/2", "Error", 0),
    ),
    "completed beside a failed and a running one, not ready": (
        pod_of("Running", status(ended(0, "Completed")), UP, status(ended(2))),
        ("1/3", "ExitCode:2", 0),
    ),
    "completed beside a failed and a running one, ready": (
        pod_of("Running", status(ended(0, "Completed")), UP, status(ended(2)), conditions=(READY,)),
        ("1/3", "Running", 0),
    ),
    "failed before one that completed": (
        pod_of("Failed", status(ended(1, "Error")), status(ended(0, "Completed"))),
        ("0/2", "Error", 0),
    ),
    "evicted": (pod_of("Failed", reason="Evicted", declared=1), ("0/1", "Evicted", 0)),
    "its container's reason beats the pod's": (
        pod_of("Failed", status(ended(137, "Error")), reason="Evicted"),
        ("0/1", "Error", 0),
    ),
    "scheduling is gated": (
        pod_of(
            "Pending",
            declared=1,
            conditions=({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"},),
        ),
        ("0/1", "SchedulingGated", 0),
    ),
    "unschedulable is only pending": (
        pod_of(
            "Pending", declared=1, conditions=({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"},)
        ),
        ("0/1", "Pending", 0),
    ),
    "terminating": (pod_of("Running", UP, deleting=True), ("1/1", "Terminating", 0)),
    "terminating in a crash loop": (
        pod_of("Running", status(waiting("CrashLoopBackOff"), restarts=2), deleting=True),
        ("0/1", "Terminating", 2),
    ),
    "deleted, but kept by a finalizer after it ended": (
        pod_of("Succeeded", status(ended(0, "Completed")), deleting=True),
        ("0/1", "Completed", 0),
    ),
    "deleted after it failed": (
        pod_of("Failed", status(ended(1, "Error")), deleting=True),
        ("0/1", "Error", 0),
    ),
    "its node is lost": (pod_of("Running", UP, reason="NodeLost", deleting=True), ("1/1", "Unknown", 0)),
    "its node is lost, and it is not deleted yet": (
        pod_of("Running", UP, reason="NodeLost"),
        ("1/1", "NodeLost", 0),
    ),
    "phase unknown": (pod_of("Unknown", UP), ("1/1", "Unknown", 0)),
    "init containers have not begun": (
        pod_of("Pending", status(waiting("PodInitializing")), init=(status(waiting("PodInitializing")),) * 2),
        ("0/1", "Init:0/2", 0),
    ),
    "the second init container runs": (
        pod_of(
            "Pending",
            status(waiting("PodInitializing")),
            init=(status(ended(0, "Completed")), status(RUNNING)),
            conditions=(NOT_INITIALIZED,),
        ),
        ("0/1", "Init:1/2", 0),
    ),
    "an init container cannot get its image": (
        pod_of("Pending", status(waiting("PodInitializing")), init=(status(waiting("ErrImagePull")),)),
        ("0/1", "Init:ErrImagePull", 0),
    ),
    "an init container failed": (
        pod_of("Failed", status(waiting("PodInitializing")), init=(status(ended(1, "Error"), restarts=3),)),
        ("0/1", "Init:Error", 3),
    ),
    "an init container ended by a signal": (
        pod_of("Failed", status(waiting("PodInitializing")), init=(status(ended(137, signal=9)),)),
        ("0/1", "Init:Signal:9", 0),
    ),
    "an init container ended with a status": (
        pod_of("Failed", status(waiting("PodInitializing")), init=(status(ended(2)),)),
        ("0/1", "Init:ExitCode:2", 0),
    ),
    "init containers are done: their restarts no longer count": (
        pod_of("Running", UP, init=(status(ended(0, "Completed"), restarts=5),), conditions=(INITIALIZED, READY)),
        ("1/1", "Running", 0),
    ),
    "a sidecar counts as a container": (
        pod_of(
            "Running",
            UP,
            init=(status(RUNNING, ready=True, started=True),),
            sidecars=(0,),
            conditions=(INITIALIZED, READY),
        ),
        ("2/2", "Running", 0),
    ),
    "a sidecar that is not ready": (
        pod_of("Running", UP, init=(status(RUNNING, started=True, restarts=2),), sidecars=(0,)),
        ("1/2", "Running", 2),
    ),
    "a sidecar that has not started holds up the pod": (
        pod_of(
            "Pending",
            status(waiting("PodInitializing")),
            init=(status(RUNNING, started=False), status(waiting("PodInitializing"))),
            sidecars=(0,),
        ),
        ("0/2", "Init:0/2", 0),
    ),
    "a sidecar runs while an init container is at work": (
        pod_of(
            "Pending",
            status(waiting("PodInitializing")),
            init=(status(RUNNING, ready=True, started=True, restarts=1), status(RUNNING)),
            sidecars=(0,),
            conditions=(NOT_INITIALIZED,),
        ),
        ("1/2", "Init:1/2", 1),
    ),
    "a sidecar crashes in a pod that is initialized": (
        pod_of(
            "Running",
            UP,
            init=(status(waiting("CrashLoopBackOff"), started=False, restarts=4),),
            sidecars=(0,),
            conditions=(INITIALIZED, NOT_READY),
        ),
        ("1/2", "Init:CrashLoopBackOff", 4),
    ),
    "restarts of sidecars behind the one that crashes do not count": (
        pod_of(
            "Running",
            UP,
            init=(status(waiting("CrashLoopBackOff"), restarts=4), status(RUNNING, started=True, restarts=9)),
            sidecars=(0, 1),
            conditions=(INITIALIZED,),
        ),
        ("1/3", "Init:CrashLoopBackOff", 4),
    ),
    "restarts of a sidecar and of a container add up": (
        pod_of(
            "Running",
            status(RUNNING, ready=True, restarts=1),
            init=(status(ended(0, "Completed"), restarts=5), status(RUNNING, ready=True, started=True, restarts=2)),
            sidecars=(1,),
        ),
        ("2/2", "Running", 3),
    ),
}


@pytest.mark.parametrize(("given", "printed"), CASES.values(), ids=CASES)
def test_a_pod_is_shown_as_kubectl_prints_it(given: dict[str, Any], printed: tuple[str, str, int]) -> None:
    shown = podstatus.show(
        msgspec.convert(given["spec"], podspec.Spec),
        msgspec.convert(given["status"], podstatus.Status),
        deleting=given["deleting"],
    )
    assert (f"{shown.ready}/{shown.total}", shown.status, shown.restarts) == printed


def test_a_pod_of_which_nothing_is_known_is_shown_too() -> None:
    shown = podstatus.show(podspec.Spec(), podstatus.Status(), deleting=False)

    assert (shown.ready, shown.total, shown.status, shown.restarts) == (0, 0, "", 0)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (pod_of("Running", UP, conditions=(READY,)), None),
        (pod_of("Running", status(RUNNING), conditions=(NOT_READY,)), "NotReady"),
        (pod_of("Running", UP, status(ended(0, "Completed")), conditions=(READY,)), None),
        (pod_of("Running", status(waiting("CrashLoopBackOff"), restarts=7)), "CrashLoopBackOff"),
        (
            pod_of("Running", UP, status(waiting("CrashLoopBackOff"), lastState=ended(137, "OOMKilled"))),
            "CrashLoopBackOff (OOMKilled)",
        ),
        (pod_of("Running", status(waiting("CrashLoopBackOff"), lastState=ended(1, "Error"))), "CrashLoopBackOff"),
        (pod_of("Running", UP, init=(status(waiting("CrashLoopBackOff")),), sidecars=(0,)), "CrashLoopBackOff"),
        (pod_of("Pending", status(waiting("ImagePullBackOff"))), "ImagePullBackOff"),
        (pod_of("Pending", status(waiting("ContainerCreating"))), "ContainerCreating"),
        (pod_of("Pending", init=(status(RUNNING),), conditions=(NOT_INITIALIZED,)), "Init:0/1"),
        (pod_of("Pending", declared=1), "Pending"),
        (pod_of("Pending", conditions=({"type": "PodScheduled", "status": "False"},)), "Unschedulable"),
        (
            pod_of("Pending", conditions=({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"},)),
            "SchedulingGated",
        ),
        (pod_of("Failed", status(ended(1, "Error"))), "Error"),
        (pod_of("Failed", status(ended(0, "Completed"))), "Failed"),
        (pod_of("Failed", reason="Evicted"), "Evicted"),
        (pod_of("Succeeded", status(ended(0, "Completed")), conditions=(NOT_READY,)), None),
        (pod_of("Running", status(waiting("CrashLoopBackOff")), deleting=True), None),
        (pod_of("Running", UP, reason="NodeLost", deleting=True), "NodeLost"),
        (pod_of("Unknown"), "Unknown"),
        (pod_of(""), None),
    ],
)
def test_the_problem_of_a_pod_is_what_a_person_would_say(given: dict[str, Any], problem: str | None) -> None:
    read = msgspec.convert(given["status"], podstatus.Status)
    shown = podstatus.show(msgspec.convert(given["spec"], podspec.Spec), read, deleting=given["deleting"])

    assert podstatus.problem(read, shown.status, deleting=given["deleting"])[0] == problem


@pytest.mark.parametrize(
    ("told", "detail"),
    [
        (
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."},
            "The node was low on memory.",
        ),
        ({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 1, "message": "no"}}}]}, "no"),
        ({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "A", "message": "b"}}}]}, "b"),
        (
            {"phase": "Running", "conditions": [{"type": "Ready", "status": "False", "message": "unready: [web]"}]},
            "unready: [web]",
        ),
        ({"phase": "Running"}, None),
    ],
)
def test_the_detail_is_what_kubernetes_says_of_it(told: dict[str, Any], detail: str | None) -> None:
    assert podstatus.problem(msgspec.convert(told, podstatus.Status), "Running", deleting=False)[1] == detail


def finished(at: str) -> dict[str, Any]:
    return {"terminated": {"exitCode": 1, "finishedAt": at}}


@pytest.mark.parametrize(
    ("told", "minute"),
    [
        ({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-05T08:01:00Z"}]}, 1),
        (
            {
                "conditions": [
                    {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-05T08:02:00Z"},
                    {"type": "PodScheduled", "status": "False", "lastTransitionTime": "2026-01-05T08:01:00Z"},
                ]
            },
            1,
        ),
        ({"containerStatuses": [{"name": "a", "lastState": finished("2026-01-05T08:03:00Z")}]}, 3),
        (
            {
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [
                    {"name": "a", "state": finished("2026-01-05T08:04:00Z")},
                    {"name": "b", "state": finished("2026-01-05T08:02:00Z")},
                ],
            },
            4,
        ),
        ({"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-05T08:01:00Z"}]}, None),
        ({"containerStatuses": [{"name": "a", "lastState": finished("soon")}]}, None),
    ],
    ids=["not ready", "not scheduled", "ended before", "the last that ended", "untold", "no time"],
)
def test_a_problem_is_as_old_as_the_pod_says(told: dict[str, Any], minute: int | None) -> None:
    since = podstatus.since(msgspec.convert(told, podstatus.Status))

    assert since == (minute and datetime(2026, 1, 5, 8, minute, tzinfo=UTC))
