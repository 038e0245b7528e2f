"""NetworkPolicies: which pods may speak to which."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource, texts

DEFINITION = resource(
    "networking.k8s.io/v1",
    "networkpolicies",
    "NetworkPolicy",
    json("pod_selector", "spec.podSelector", "spec.podSelector; {}: all pods of the namespace", missing=b"{}"),
    texts("policy_types", "spec.policyTypes[]"),
    json("ingress", "spec.ingress", missing=b"[]"),
    json("egress", "spec.egress", missing=b"[]"),
    short=("netpol",),
)
