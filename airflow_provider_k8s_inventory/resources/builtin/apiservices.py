"""APIServices: which server answers for a group and version, and whether it does."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import boolean, condition, resource, text

DEFINITION = resource(
    "apiregistration.k8s.io/v1",
    "apiservices",
    "APIService",
    text("group_name", "spec.group"),
    text("version", "spec.version"),
    text("service_namespace", "spec.service.namespace", "spec.service.namespace; NULL: the API server itself"),
    text("service_name", "spec.service.name", "spec.service.name; NULL: the API server itself"),
    condition("available", "Available"),
    problems.by_conditions({"Available": "False"}, "MissingEndpoints, FailedDiscoveryCheck"),
    boolean("insecure_skip_verify", "spec.insecureSkipTLSVerify", missing=False),
    namespaced=False,
)
