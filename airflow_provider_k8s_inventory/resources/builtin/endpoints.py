"""Endpoints: the addresses behind a service."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource

DEFINITION = resource(
    "v1",
    "endpoints",
    "Endpoints",
    json("subsets", "subsets", missing=b"[]"),
    short=("ep",),
    history=False,
)
