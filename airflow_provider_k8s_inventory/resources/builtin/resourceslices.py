"""ResourceSlices: the devices that a driver offers."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import bigint, count, resource, text

DEFINITION = resource(
    "resource.k8s.io/v1",
    "resourceslices",
    "ResourceSlice",
    text("node_name", "spec.nodeName"),
    text("driver", "spec.driver"),
    text("pool_name", "spec.pool.name"),
    bigint("pool_generation", "spec.pool.generation"),
    count("devices", "spec.devices"),
    namespaced=False,
)
