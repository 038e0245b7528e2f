"""Nodes: whether they are ready, what they run, and how big they are."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_k8s_inventory.model import Column, Definition, Resource
from airflow_provider_k8s_inventory.resources import shared

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"


class _Spec(msgspec.Struct, frozen=True):
    unschedulable: bool = False
    taints: msgspec.Raw = msgspec.Raw(b"[]")


class _Address(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    address: str = ""


class _Info(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kubelet_version: str | None = None
    os_image: str | None = None
    kernel_version: str | None = None
    container_runtime_version: str | None = None
    architecture: str | None = None


class _Quantities(msgspec.Struct, frozen=True, gc=False):
    cpu: str | None = None
    memory: str | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    conditions: list[shared.Condition] | None = None
    addresses: list[_Address] | None = None
    node_info: _Info = _Info()
    capacity: _Quantities = _Quantities()
    allocatable: _Quantities = _Quantities()


class Node(shared.Object, frozen=True):
    """A Node, as far as its columns need it."""

    spec: _Spec = _Spec()
    status: _Status = _Status()


def extract(node: Node) -> tuple[Any, ...]:
    """Read a Node."""
    info, status = node.status.node_info, node.status
    return (
        _state(node),
        _roles(node),
        node.spec.unschedulable,
        info.kubelet_version,
        _address(node, "InternalIP"),
        _address(node, "ExternalIP"),
        info.os_image,
        info.kernel_version,
        info.container_runtime_version,
        info.architecture,
        status.capacity.cpu,
        status.capacity.memory,
        status.allocatable.cpu,
        status.allocatable.memory,
        node.spec.taints,
    )


def _state(node: Node) -> str:
    ready = next((condition for condition in node.status.conditions or () if condition.type == "Ready"), None)
    state = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
    return f"{state},SchedulingDisabled" if node.spec.unschedulable else state


def _roles(node: Node) -> list[str]:
    labels = msgspec.json.decode(node.metadata.labels, type=dict[str, Any] | None) or {}
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    role = labels.get(_ROLE_LABEL)
    return sorted(role for role in roles | ({role} if isinstance(role, str) else set()) if role)


def _address(node: Node, type_: str) -> str | None:
    return next((shared.address(entry.address) for entry in node.status.addresses or () if entry.type == type_), None)


DEFINITION = Definition(
    name="nodes",
    aliases=("node", "no"),
    resource=Resource(group="", version="v1", plural="nodes", kind="Node", namespaced=False),
    table=shared.table(
        "k8s_nodes",
        "Nodes",
        Column(
            name="status", type="text", comment="STATUS as kubectl prints it: Ready, NotReady,SchedulingDisabled, …"
        ),
        Column(name="roles", type="text[]", comment="The roles its labels name, sorted"),
        Column(name="unschedulable", type="boolean", comment="spec.unschedulable: cordoned"),
        Column(name="kubelet_version", type="text", comment="status.nodeInfo.kubeletVersion"),
        Column(name="internal_ip", type="inet", comment="The first address of type InternalIP"),
        Column(name="external_ip", type="inet", comment="The first address of type ExternalIP"),
        Column(name="os_image", type="text", comment="status.nodeInfo.osImage"),
        Column(name="kernel_version", type="text", comment="status.nodeInfo.kernelVersion"),
        Column(name="container_runtime", type="text", comment="status.nodeInfo.containerRuntimeVersion"),
        Column(name="architecture", type="text", comment="status.nodeInfo.architecture"),
        Column(name="cpu_capacity", type="text", comment="status.capacity.cpu, a Kubernetes quantity"),
        Column(name="memory_capacity", type="text", comment="status.capacity.memory, a Kubernetes quantity"),
        Column(name="cpu_allocatable", type="text", comment="status.allocatable.cpu, a Kubernetes quantity"),
        Column(name="memory_allocatable", type="text", comment="status.allocatable.memory, a Kubernetes quantity"),
        Column(name="taints", type="jsonb", comment="spec.taints"),
        namespaced=False,
    ),
    type=Node,
    extract=extract,
)
