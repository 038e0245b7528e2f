"""Services: how they are reached, inside the cluster and from outside."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, computed, inet, json, resource, text
from airflow_provider_k8s_inventory.resources.shared import Balanced, address, balanced


def _addresses(written: list[str]) -> list[str]:
    return [found for found in map(address, written) if found]


def _external(ways: list[Balanced] | None, external: list[str] | None) -> list[str]:
    return balanced(ways) + (external or [])


def _unbalanced(type_: str, ways: list[Balanced] | None) -> str | None:
    return "no load balancer" if type_ == "LoadBalancer" and not balanced(ways) else None


DEFINITION = resource(
    "v1",
    "services",
    "Service",
    text("type", "spec.type", "spec.type: ClusterIP, NodePort, LoadBalancer, ExternalName", missing="ClusterIP"),
    inet("cluster_ip", "spec.clusterIP", "spec.clusterIP; NULL for headless services"),
    computed(
        _addresses,
        at("spec.clusterIPs[]", str),
        cluster_ips=("inet[]", "spec.clusterIPs: both families of a dual-stack service"),
    ),
    computed(
        _external,
        at("status.loadBalancer.ingress", list[Balanced]),
        at("spec.externalIPs", list[str]),
        external_ips=("text[]", "Addresses and host names of the load balancer, externalIPs"),
    ),
    problems.problem(
        _unbalanced,
        at("spec.type", str, missing="ClusterIP"),
        at("status.loadBalancer.ingress"),
        examples="no load balancer",
    ),
    text("external_name", "spec.externalName", "spec.externalName: what an ExternalName points at"),
    json("ports", "spec.ports", missing=b"[]"),
    json("selector", "spec.selector", "spec.selector; {} when there is none", missing=b"{}"),
    short=("svc",),
)
