"""Deployments: how many replicas are wanted, and how many are there."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, boolean, integer, json, resource, template, text

DEFINITION = resource(
    "apps/v1",
    "deployments",
    "Deployment",
    integer("replicas", "spec.replicas", "spec.replicas: wanted"),
    # Zeros are left out of the JSON: a missing count is 0.
    integer("ready", "status.readyReplicas", missing=0),
    integer("up_to_date", "status.updatedReplicas", missing=0),
    integer("available", "status.availableReplicas", missing=0),
    integer("unavailable", "status.unavailableReplicas", missing=0),
    problems.of_replicas(at("spec.replicas", int), "status.readyReplicas"),
    text("strategy", "spec.strategy.type"),
    boolean("paused", "spec.paused", missing=False),
    json("selector", "spec.selector", missing=b"{}"),
    *template("spec.template"),
    short=("deploy",),
)
