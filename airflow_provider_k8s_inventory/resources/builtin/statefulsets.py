"""StatefulSets: how many replicas are wanted, and how many are there."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, integer, json, resource, template, text

DEFINITION = resource(
    "apps/v1",
    "statefulsets",
    "StatefulSet",
    integer("replicas", "spec.replicas", "spec.replicas: wanted"),
    integer("ready", "status.readyReplicas", missing=0),
    integer("current", "status.currentReplicas", missing=0),
    integer("up_to_date", "status.updatedReplicas", missing=0),
    integer("available", "status.availableReplicas", missing=0),
    problems.of_replicas(at("spec.replicas", int), "status.readyReplicas"),
    text("service_name", "spec.serviceName"),
    text("strategy", "spec.updateStrategy.type"),
    text("pod_management", "spec.podManagementPolicy"),
    json("selector", "spec.selector", missing=b"{}"),
    *template("spec.template"),
    short=("sts",),
)
