"""FlowSchemas: which requests get which priority at the API server."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import condition, integer, resource, text

DEFINITION = resource(
    "flowcontrol.apiserver.k8s.io/v1",
    "flowschemas",
    "FlowSchema",
    text("priority_level", "spec.priorityLevelConfiguration.name"),
    integer("matching_precedence", "spec.matchingPrecedence"),
    text("distinguisher", "spec.distinguisherMethod.type"),
    condition("dangling", "Dangling", "Whether its priority level is missing"),
    namespaced=False,
)
