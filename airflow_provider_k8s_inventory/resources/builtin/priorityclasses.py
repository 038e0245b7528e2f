"""PriorityClasses: which pods go first."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import boolean, integer, resource, text

DEFINITION = resource(
    "scheduling.k8s.io/v1",
    "priorityclasses",
    "PriorityClass",
    integer("value", "value", missing=0),
    boolean("global_default", "globalDefault", missing=False),
    text("preemption_policy", "preemptionPolicy"),
    text("description", "description"),
    short=("pc",),
    namespaced=False,
)
