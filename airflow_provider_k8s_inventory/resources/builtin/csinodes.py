"""CSINodes: the storage drivers of a node."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import resource, texts

DEFINITION = resource(
    "storage.k8s.io/v1",
    "csinodes",
    "CSINode",
    texts("drivers", "spec.drivers[].name"),
    namespaced=False,
)
