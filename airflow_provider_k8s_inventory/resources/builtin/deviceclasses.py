"""DeviceClasses: kinds of devices that claims can name."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource

DEFINITION = resource(
    "resource.k8s.io/v1",
    "deviceclasses",
    "DeviceClass",
    json("selectors", "spec.selectors", missing=b"[]"),
    namespaced=False,
)
