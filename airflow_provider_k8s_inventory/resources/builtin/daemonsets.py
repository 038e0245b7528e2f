"""DaemonSets: on how many nodes a pod is wanted, and on how many it is there."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, integer, json, resource, template, text

DEFINITION = resource(
    "apps/v1",
    "daemonsets",
    "DaemonSet",
    integer("desired", "status.desiredNumberScheduled", missing=0),
    integer("current", "status.currentNumberScheduled", missing=0),
    integer("ready", "status.numberReady", missing=0),
    integer("up_to_date", "status.updatedNumberScheduled", missing=0),
    integer("available", "status.numberAvailable", missing=0),
    integer("unavailable", "status.numberUnavailable", missing=0),
    integer("misscheduled", "status.numberMisscheduled", missing=0),
    problems.of_replicas(at("status.desiredNumberScheduled", int, missing=0), "status.numberReady"),
    text("strategy", "spec.updateStrategy.type"),
    json("node_selector", "spec.template.spec.nodeSelector", missing=b"{}"),
    json("selector", "spec.selector", missing=b"{}"),
    *template("spec.template"),
    short=("ds",),
)
