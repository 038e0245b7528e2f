"""IPAddresses: the addresses that services have, and whose they are."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import resource, text

DEFINITION = resource(
    "networking.k8s.io/v1",
    "ipaddresses",
    "IPAddress",
    text("parent_group", "spec.parentRef.group"),
    text("parent_resource", "spec.parentRef.resource"),
    text("parent_namespace", "spec.parentRef.namespace"),
    text("parent_name", "spec.parentRef.name"),
    short=("ip",),
    namespaced=False,
)
