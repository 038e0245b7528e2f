"""PriorityLevelConfigurations: how much of the API server each priority gets."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import integer, resource, text

DEFINITION = resource(
    "flowcontrol.apiserver.k8s.io/v1",
    "prioritylevelconfigurations",
    "PriorityLevelConfiguration",
    text("type", "spec.type"),
    integer("nominal_shares", "spec.limited.nominalConcurrencyShares"),
    integer("queues", "spec.limited.limitResponse.queuing.queues"),
    integer("hand_size", "spec.limited.limitResponse.queuing.handSize"),
    integer("queue_length_limit", "spec.limited.limitResponse.queuing.queueLengthLimit"),
    namespaced=False,
)
