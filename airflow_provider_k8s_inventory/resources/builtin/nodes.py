"""Nodes: whether they are ready, what they run, and how big they are."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from airflow_provider_k8s_inventory.resources.declare import at, boolean, computed, json, resource, text
from airflow_provider_k8s_inventory.resources.shared import Condition, address

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"


class Address(msgspec.Struct, frozen=True, gc=False):
    """One entry of ``status.addresses``."""

    type: str = ""
    address: str = ""


def _status(conditions: list[Condition] | None, unschedulable: bool) -> str:
    ready = next((condition for condition in conditions or () if condition.type == "Ready"), None)
    state = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
    return f"{state},SchedulingDisabled" if unschedulable else state


def _roles(written: msgspec.Raw) -> list[str]:
    labels = msgspec.json.decode(written, type=dict[str, Any] | None) or {}
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    role = labels.get(_ROLE_LABEL)
    return sorted(role for role in roles | ({role} if isinstance(role, str) else set()) if role)


def _address(addresses: list[Address] | None, type_: str) -> str | None:
    return next((address(entry.address) for entry in addresses or () if entry.type == type_), None)


DEFINITION = resource(
    "v1",
    "nodes",
    "Node",
    computed(
        _status,
        at("status.conditions", list[Condition]),
        at("spec.unschedulable", bool, missing=False),
        status=("text", "STATUS as kubectl prints it: Ready, NotReady,SchedulingDisabled, …"),
    ),
    computed(_roles, at("metadata.labels"), roles=("text[]", "The roles its labels name, sorted")),
    boolean("unschedulable", "spec.unschedulable", "spec.unschedulable: cordoned", missing=False),
    text("kubelet_version", "status.nodeInfo.kubeletVersion"),
    computed(
        partial(_address, type_="InternalIP"),
        at("status.addresses", list[Address]),
        internal_ip=("inet", "The first address of type InternalIP"),
    ),
    computed(
        partial(_address, type_="ExternalIP"),
        at("status.addresses", list[Address]),
        external_ip=("inet", "The first address of type ExternalIP"),
    ),
    text("os_image", "status.nodeInfo.osImage"),
    text("kernel_version", "status.nodeInfo.kernelVersion"),
    text("container_runtime", "status.nodeInfo.containerRuntimeVersion"),
    text("architecture", "status.nodeInfo.architecture"),
    text("cpu_capacity", "status.capacity.cpu", "status.capacity.cpu, a Kubernetes quantity"),
    text("memory_capacity", "status.capacity.memory", "status.capacity.memory, a Kubernetes quantity"),
    text("cpu_allocatable", "status.allocatable.cpu", "status.allocatable.cpu, a Kubernetes quantity"),
    text("memory_allocatable", "status.allocatable.memory", "status.allocatable.memory, a Kubernetes quantity"),
    json("taints", "spec.taints", missing=b"[]"),
    short=("no",),
    namespaced=False,
)
