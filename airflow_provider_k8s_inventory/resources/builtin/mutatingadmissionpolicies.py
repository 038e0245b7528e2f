"""MutatingAdmissionPolicies: rules that change objects before they are stored."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import count, json, resource, text

DEFINITION = resource(
    "admissionregistration.k8s.io/v1",
    "mutatingadmissionpolicies",
    "MutatingAdmissionPolicy",
    count("mutations", "spec.mutations"),
    text("param_api_version", "spec.paramKind.apiVersion"),
    text("param_kind", "spec.paramKind.kind"),
    text("failure_policy", "spec.failurePolicy"),
    text("reinvocation_policy", "spec.reinvocationPolicy"),
    json("match_constraints", "spec.matchConstraints", missing=b"{}"),
    namespaced=False,
)
