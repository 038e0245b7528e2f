"""Namespaces: their phase, which is what kubectl prints as STATUS."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import resource, text

DEFINITION = resource(
    "v1",
    "namespaces",
    "Namespace",
    text("status", "status.phase", "STATUS as kubectl prints it: Active or Terminating"),
    text("phase", "status.phase"),
    short=("ns",),
    namespaced=False,
)
