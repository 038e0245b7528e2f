"""Namespaces: their phase, which is what kubectl prints as STATUS, and why one does not go."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import resource, text

# https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/api/core/v1/types.go (NamespaceConditionType)
_STUCK = {
    "NamespaceDeletionDiscoveryFailure": "True",
    "NamespaceDeletionGroupVersionParsingFailure": "True",
    "NamespaceDeletionContentFailure": "True",
    "NamespaceFinalizersRemaining": "True",
    "NamespaceContentRemaining": "True",
}

DEFINITION = resource(
    "v1",
    "namespaces",
    "Namespace",
    text("status", "status.phase", "STATUS as kubectl prints it: Active or Terminating"),
    problems.by_conditions(_STUCK, "DiscoveryFailed, SomeFinalizersRemain"),
    text("phase", "status.phase"),
    short=("ns",),
    namespaced=False,
)
