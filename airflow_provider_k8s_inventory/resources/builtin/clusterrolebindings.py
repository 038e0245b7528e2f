"""ClusterRoleBindings: who may do what, everywhere."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource, text

DEFINITION = resource(
    "rbac.authorization.k8s.io/v1",
    "clusterrolebindings",
    "ClusterRoleBinding",
    text("role_kind", "roleRef.kind"),
    text("role_name", "roleRef.name"),
    json("subjects", "subjects", missing=b"[]"),
    namespaced=False,
)
