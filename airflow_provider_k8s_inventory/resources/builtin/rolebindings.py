"""RoleBindings: who may do what in a namespace."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource, text

DEFINITION = resource(
    "rbac.authorization.k8s.io/v1",
    "rolebindings",
    "RoleBinding",
    text("role_kind", "roleRef.kind"),
    text("role_name", "roleRef.name"),
    json("subjects", "subjects", missing=b"[]"),
)
