"""PodTemplates: pods that somebody may make."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource, template

DEFINITION = resource(
    "v1",
    "podtemplates",
    "PodTemplate",
    json("pod_labels", "template.metadata.labels", missing=b"{}"),
    *template("template"),
)
