"""PodDisruptionBudgets: how many pods may be taken away at once."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import at, computed, integer, json, resource
from airflow_provider_k8s_inventory.resources.shared import str_or_none

DEFINITION = resource(
    "policy/v1",
    "poddisruptionbudgets",
    "PodDisruptionBudget",
    computed(
        str_or_none,
        at("spec.minAvailable", int | str),
        min_available=("text", "spec.minAvailable: 2 or 50%"),
    ),
    computed(
        str_or_none,
        at("spec.maxUnavailable", int | str),
        max_unavailable=("text", "spec.maxUnavailable: 2 or 50%"),
    ),
    integer("allowed_disruptions", "status.disruptionsAllowed", missing=0),
    integer("current_healthy", "status.currentHealthy", missing=0),
    integer("desired_healthy", "status.desiredHealthy", missing=0),
    integer("expected_pods", "status.expectedPods", missing=0),
    json("selector", "spec.selector", missing=b"{}"),
    short=("pdb",),
)
