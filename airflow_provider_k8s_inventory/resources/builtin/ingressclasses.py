"""IngressClasses: which controller serves an ingress."""

from __future__ import annotations

from functools import partial

from airflow_provider_k8s_inventory.resources.declare import at, computed, resource, text
from airflow_provider_k8s_inventory.resources.shared import flagged

DEFINITION = resource(
    "networking.k8s.io/v1",
    "ingressclasses",
    "IngressClass",
    text("controller", "spec.controller"),
    text("parameters_group", "spec.parameters.apiGroup"),
    text("parameters_kind", "spec.parameters.kind"),
    text("parameters_name", "spec.parameters.name"),
    computed(
        partial(flagged, key="ingressclass.kubernetes.io/is-default-class"),
        at("metadata.annotations"),
        is_default=("boolean", "Whether ingresses without a class get it"),
    ),
    namespaced=False,
)
