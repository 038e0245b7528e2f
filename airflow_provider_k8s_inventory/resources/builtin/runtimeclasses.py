"""RuntimeClasses: how containers may be run."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource, text

DEFINITION = resource(
    "node.k8s.io/v1",
    "runtimeclasses",
    "RuntimeClass",
    text("handler", "handler"),
    json("overhead", "overhead.podFixed", missing=b"{}"),
    namespaced=False,
)
