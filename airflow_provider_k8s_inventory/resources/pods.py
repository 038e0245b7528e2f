"""Pods: the row that answers what runs where, and whether it runs well. The STATUS of kubectl is in `podstatus`."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_k8s_inventory.model import Column, Definition, Resource
from airflow_provider_k8s_inventory.resources import podstatus, shared


class _Spec(podstatus.Spec, frozen=True, rename="camel"):
    node_name: str | None = None
    service_account_name: str | None = None
    priority_class_name: str | None = None


class _Status(podstatus.Status, frozen=True, rename="camel"):
    pod_ip: str | None = msgspec.field(name="podIP", default=None)
    host_ip: str | None = msgspec.field(name="hostIP", default=None)
    qos_class: str | None = None
    start_time: shared.Time | None = None


class Pod(shared.Object, frozen=True):
    """A Pod, as far as its columns need it."""

    spec: _Spec = _Spec()
    status: _Status = _Status()


def extract(pod: Pod) -> tuple[Any, ...]:
    """Read a Pod."""
    spec, status = pod.spec, pod.status
    shown = podstatus.show(spec, status, deleting=pod.metadata.deletion_timestamp is not None)
    return (
        shown.status,
        status.phase,
        shown.ready,
        shown.total,
        shown.restarts,
        spec.node_name,
        shared.address(status.pod_ip),
        shared.address(status.host_ip),
        spec.service_account_name,
        status.qos_class,
        spec.priority_class_name,
        status.start_time,
        shared.images(spec.containers),
    )


DEFINITION = Definition(
    name="pods",
    aliases=("pod", "po"),
    resource=Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True),
    table=shared.table(
        "k8s_pods",
        "Pods",
        Column(name="status", type="text", comment="STATUS as kubectl prints it: Running, CrashLoopBackOff, …"),
        Column(name="phase", type="text", comment="status.phase"),
        Column(name="ready_containers", type="integer", comment="READY as kubectl prints it, before the slash"),
        Column(name="containers", type="integer", comment="READY as kubectl prints it, behind the slash"),
        Column(name="restarts", type="integer", comment="RESTARTS as kubectl prints it"),
        Column(name="node_name", type="text", comment="spec.nodeName"),
        Column(name="pod_ip", type="inet", comment="status.podIP"),
        Column(name="host_ip", type="inet", comment="status.hostIP"),
        Column(name="service_account", type="text", comment="spec.serviceAccountName"),
        Column(name="qos_class", type="text", comment="status.qosClass"),
        Column(name="priority_class", type="text", comment="spec.priorityClassName"),
        Column(name="started_at", type="timestamp with time zone", comment="status.startTime"),
        Column(name="images", type="text[]", comment="The images of spec.containers, in order"),
        indexes=(("context_name", "node_name"),),
    ),
    type=Pod,
    extract=extract,
)
