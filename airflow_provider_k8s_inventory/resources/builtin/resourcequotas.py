"""ResourceQuotas: how much a namespace may have, and how much it has."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource, texts

DEFINITION = resource(
    "v1",
    "resourcequotas",
    "ResourceQuota",
    json("hard", "status.hard", "status.hard: the limits, by what they limit", missing=b"{}"),
    json("used", "status.used", "status.used: by what is limited", missing=b"{}"),
    texts("scopes", "spec.scopes[]"),
    short=("quota",),
)
