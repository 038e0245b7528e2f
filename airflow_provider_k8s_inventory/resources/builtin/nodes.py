"""Nodes: whether they are ready, what they run, and how big they are."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, boolean, computed, json, quantity, resource, text
from airflow_provider_k8s_inventory.resources.shared import Condition, address

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"


# Of several, the first: on EKS and AKS Karpenter's nodes have its label alone.
_POOLS = (
    "karpenter.sh/nodepool",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "doks.digitalocean.com/node-pool",
    "oke.oraclecloud.com/pool.name",
    "k8s.scaleway.com/pool-name",
    "lke.linode.com/pool-id",
    "cluster.x-k8s.io/deployment-name",
    "kops.k8s.io/instancegroup",
    "node.kubernetes.io/nodepool",
)
_PLACES = (
    ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
    ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"),
)


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


def _labelled(written: msgspec.Raw) -> tuple[str | None, ...]:
    labels = msgspec.json.decode(written, type=dict[str, Any] | None) or {}
    found = ((labels[key] for key in keys if isinstance(labels.get(key), str)) for keys in (_POOLS, *_PLACES))
    return tuple(next(values, None) for values in found)


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
    computed(
        problems.of_node,
        at("status.conditions"),
        problem=("text", "Why it is not well: NotReady, NotReady (Unknown), MemoryPressure, …; NULL: it is"),
        problem_detail=("text", "What its kubelet says of that"),
        problem_since=problems.SINCE,
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
    quantity("cpu_allocatable_cores", "status.allocatable.cpu", "status.allocatable.cpu, in cores"),
    quantity("memory_allocatable_bytes", "status.allocatable.memory", "status.allocatable.memory, in bytes"),
    quantity("pods_allocatable", "status.allocatable.pods"),
    computed(
        _labelled,
        at("metadata.labels"),
        node_pool=("text", "The pool or group that its labels name, of the clouds, Karpenter, Cluster API or kops"),
        zone=("text", "The label topology.kubernetes.io/zone"),
        region=("text", "The label topology.kubernetes.io/region"),
        instance_type=("text", "The label node.kubernetes.io/instance-type"),
    ),
    json("taints", "spec.taints", missing=b"[]"),
    short=("no",),
    namespaced=False,
    # The node controller sets the annotation by the number of nodes.
    noise=(
        "status.images",
        "status.volumesInUse",
        "status.volumesAttached",
        "metadata.annotations['node.alpha.kubernetes.io/ttl']",
    ),
)
