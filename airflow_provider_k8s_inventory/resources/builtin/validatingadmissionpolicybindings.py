"""ValidatingAdmissionPolicyBindings: where a policy of admission holds, and with which parameters."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, resource, text, texts

DEFINITION = resource(
    "admissionregistration.k8s.io/v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    text("policy_name", "spec.policyName"),
    text("param_namespace", "spec.paramRef.namespace"),
    text("param_name", "spec.paramRef.name"),
    texts("validation_actions", "spec.validationActions[]"),
    json("match_resources", "spec.matchResources", missing=b"{}"),
    namespaced=False,
)
