"""CertificateSigningRequests: who asked for a certificate, and what became of it."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, computed, integer, resource, text, texts
from airflow_provider_k8s_inventory.resources.shared import Condition


def _condition(conditions: list[Condition] | None, certificate: str | None) -> str:
    types = {condition.type for condition in conditions or ()}
    found = ["Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"]
    if "Failed" in types:
        found.append("Failed")
    if certificate:
        found.append("Issued")
    return ",".join(found)


DEFINITION = resource(
    "certificates.k8s.io/v1",
    "certificatesigningrequests",
    "CertificateSigningRequest",
    text("signer_name", "spec.signerName"),
    text("requestor", "spec.username"),
    integer("requested_seconds", "spec.expirationSeconds", "spec.expirationSeconds: how long it is to be valid"),
    computed(
        _condition,
        at("status.conditions", list[Condition]),
        at("status.certificate", str),
        condition=("text", "CONDITION as kubectl prints it: Pending, Approved, Approved,Issued, Denied, …"),
    ),
    problems.by_conditions({"Failed": "True"}, "SignerValidationFailure"),
    texts("usages", "spec.usages[]"),
    short=("csr",),
    namespaced=False,
)
