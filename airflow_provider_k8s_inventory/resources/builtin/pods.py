"""Pods: what runs where, whether it runs well, and what it may use.

The STATUS of kubectl and the problem are computed in `podstatus`, requests, limits and security in `podspec`.
"""

from __future__ import annotations

from datetime import datetime

from airflow_provider_k8s_inventory.model import Index
from airflow_provider_k8s_inventory.resources import podspec, podstatus, problems
from airflow_provider_k8s_inventory.resources.declare import (
    at,
    boolean,
    computed,
    inet,
    json,
    resource,
    text,
    texts,
    timestamp,
)


def _printed(
    spec: podspec.Spec, status: podstatus.Status, deleted: datetime | None
) -> tuple[str, str | None, str | None, datetime | None, str | None, int, int, int]:
    shown = podstatus.show(spec, status, deleting=deleted is not None)
    problem, detail = podstatus.problem(status, shown.status, deleting=deleted is not None)
    since = podstatus.since(status) if problem else None
    return shown.status, problem, detail, since, status.phase, shown.ready, shown.total, shown.restarts


def _image_ids(spec: podspec.Spec, status: podstatus.Status) -> list[str]:
    pulled = {container.name: container.image_id for container in status.container_statuses or ()}
    return [pulled.get(container.name, "") for container in spec.containers or ()]


DEFINITION = resource(
    "v1",
    "pods",
    "Pod",
    computed(
        _printed,
        at("spec", podspec.Spec),
        at("status", podstatus.Status),
        at("metadata.deletionTimestamp"),
        status=("text", "STATUS as kubectl prints it: Running, CrashLoopBackOff, …"),
        problem=("text", "Why it is not well: CrashLoopBackOff (OOMKilled), Unschedulable, NotReady, …; NULL: it is"),
        problem_detail=("text", "What Kubernetes says of that"),
        problem_since=problems.SINCE,
        phase=("text", "status.phase"),
        ready_containers=("integer", "READY as kubectl prints it, before the slash"),
        containers=("integer", "READY as kubectl prints it, behind the slash"),
        restarts=("integer", "RESTARTS as kubectl prints it"),
    ),
    text("node_name", "spec.nodeName"),
    inet("pod_ip", "status.podIP"),
    inet("host_ip", "status.hostIP"),
    text("service_account", "spec.serviceAccountName"),
    text("qos_class", "status.qosClass"),
    text("priority_class", "spec.priorityClassName"),
    timestamp("started_at", "status.startTime"),
    texts("images", "spec.containers[].image", "The images of spec.containers, in order"),
    computed(
        _image_ids,
        at("spec"),
        at("status"),
        image_ids=("text[]", "What was pulled for each of them, by its digest; empty: nothing yet"),
    ),
    computed(
        podspec.sums,
        at("spec"),
        cpu_requests=("numeric", "Cores, as the scheduler sums them: init containers, sidecars and overhead as well"),
        memory_requests=("numeric", "Bytes, summed in the same way"),
        cpu_limits=("numeric", "Cores, summed in the same way over the containers that have a limit"),
        memory_limits=("numeric", "Bytes, summed in the same way"),
    ),
    boolean("host_network", "spec.hostNetwork", missing=False),
    computed(
        podspec.security,
        at("spec"),
        privileged=("boolean", "Whether a container is privileged"),
        run_as_root=("boolean", "Whether the user of a container is 0; NULL: its image decides"),
    ),
    computed(
        podspec.without_probes,
        at("spec.containers"),
        without_readiness_probe=("text[]", "The names of the containers that have none"),
        without_liveness_probe=("text[]", "The names of the containers that have none"),
    ),
    json("tolerations", "spec.tolerations", missing=b"[]"),
    short=("po",),
    indexes=(
        Index(("context_name", "node_name")),
        Index(("labels",), method="gin", operators="jsonb_path_ops"),
        Index(("images",), method="gin"),
    ),
)
