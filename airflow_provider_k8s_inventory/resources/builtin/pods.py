"""Pods: what runs where, and whether it runs well. The STATUS of kubectl is computed in `podstatus`."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_k8s_inventory.resources import podstatus
from airflow_provider_k8s_inventory.resources.declare import at, computed, inet, resource, text, texts, timestamp


def _printed(
    spec: podstatus.Spec, status: podstatus.Status, deleted: datetime | None
) -> tuple[str, str | None, int, int, int]:
    shown = podstatus.show(spec, status, deleting=deleted is not None)
    return shown.status, status.phase, shown.ready, shown.total, shown.restarts


DEFINITION = resource(
    "v1",
    "pods",
    "Pod",
    computed(
        _printed,
        at("spec", podstatus.Spec),
        at("status", podstatus.Status),
        at("metadata.deletionTimestamp"),
        status=("text", "STATUS as kubectl prints it: Running, CrashLoopBackOff, …"),
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
    short=("po",),
    indexes=(("context_name", "node_name"),),
)
