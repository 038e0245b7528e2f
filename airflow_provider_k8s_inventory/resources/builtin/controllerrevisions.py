"""ControllerRevisions: the earlier states of stateful sets and daemon sets."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import bigint, resource

DEFINITION = resource(
    "apps/v1",
    "controllerrevisions",
    "ControllerRevision",
    bigint("revision", "revision"),
)
