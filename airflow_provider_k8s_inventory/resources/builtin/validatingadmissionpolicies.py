"""ValidatingAdmissionPolicies: rules that refuse objects before they are stored."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import count, json, resource, text

DEFINITION = resource(
    "admissionregistration.k8s.io/v1",
    "validatingadmissionpolicies",
    "ValidatingAdmissionPolicy",
    count("validations", "spec.validations"),
    text("param_api_version", "spec.paramKind.apiVersion"),
    text("param_kind", "spec.paramKind.kind"),
    text("failure_policy", "spec.failurePolicy"),
    json("match_constraints", "spec.matchConstraints", missing=b"{}"),
    namespaced=False,
)
