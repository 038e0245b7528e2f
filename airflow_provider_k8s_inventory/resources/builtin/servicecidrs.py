"""ServiceCIDRs: the ranges that services get addresses from."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import condition, resource, texts

DEFINITION = resource(
    "networking.k8s.io/v1",
    "servicecidrs",
    "ServiceCIDR",
    texts("cidrs", "spec.cidrs[]"),
    condition("ready", "Ready"),
    namespaced=False,
)
