"""VolumeAttributesClasses: qualities that volumes can have."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource, text

DEFINITION = resource(
    "storage.k8s.io/v1",
    "volumeattributesclasses",
    "VolumeAttributesClass",
    text("driver_name", "driverName"),
    json("parameters", "parameters", missing=b"{}"),
    short=("vac",),
    namespaced=False,
)
