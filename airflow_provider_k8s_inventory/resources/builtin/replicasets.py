"""ReplicaSets: how many pods of one version of a deployment are wanted, and how many are there."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, integer, json, resource, template

DEFINITION = resource(
    "apps/v1",
    "replicasets",
    "ReplicaSet",
    integer("replicas", "spec.replicas", "spec.replicas: wanted"),
    integer("current", "status.replicas", missing=0),
    integer("ready", "status.readyReplicas", missing=0),
    integer("available", "status.availableReplicas", missing=0),
    problems.of_replicas(at("spec.replicas", int), "status.readyReplicas"),
    json("selector", "spec.selector", missing=b"{}"),
    *template("spec.template"),
    short=("rs",),
    # Copies of what its deployment says.
    noise=(
        "metadata.annotations['deployment.kubernetes.io/desired-replicas']",
        "metadata.annotations['deployment.kubernetes.io/max-replicas']",
        "metadata.annotations['rollout.argoproj.io/desired-replicas']",
    ),
)
