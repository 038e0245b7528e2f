"""LimitRanges: what pods of a namespace may ask for, and what they get who do not ask."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource

DEFINITION = resource(
    "v1",
    "limitranges",
    "LimitRange",
    json("limits", "spec.limits", missing=b"[]"),
    short=("limits",),
)
