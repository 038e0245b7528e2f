"""Roles: what may be done in a namespace."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource

DEFINITION = resource(
    "rbac.authorization.k8s.io/v1",
    "roles",
    "Role",
    json("rules", "rules", missing=b"[]"),
)
