"""ResourceClaimTemplates: claims that are made for each pod."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource

DEFINITION = resource(
    "resource.k8s.io/v1",
    "resourceclaimtemplates",
    "ResourceClaimTemplate",
    json("requests", "spec.spec.devices.requests", missing=b"[]"),
)
