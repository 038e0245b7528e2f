"""ClusterRoles: what may be done, in all namespaces and outside of them."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource

DEFINITION = resource(
    "rbac.authorization.k8s.io/v1",
    "clusterroles",
    "ClusterRole",
    json("rules", "rules", missing=b"[]"),
    json("aggregation", "aggregationRule"),
    namespaced=False,
)
