"""Groups of resources by short names, for those who want all workloads and not each kind of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "workloads": (
            "pods",
            "deployments",
            "replicasets",
            "statefulsets",
            "daemonsets",
            "jobs",
            "cronjobs",
            "replicationcontrollers",
            "horizontalpodautoscalers",
        ),
        "network": (
            "services",
            "endpoints",
            "endpointslices",
            "ingresses",
            "ingressclasses",
            "networkpolicies",
            "ipaddresses",
            "servicecidrs",
        ),
        "rbac": ("roles", "rolebindings", "clusterroles", "clusterrolebindings", "serviceaccounts"),
        "storage": (
            "persistentvolumes",
            "persistentvolumeclaims",
            "storageclasses",
            "volumeattachments",
            "volumeattributesclasses",
            "csidrivers",
            "csinodes",
            "csistoragecapacities",
        ),
        # Never secrets: who wants them names them.
        "config": ("configmaps", "limitranges", "resourcequotas", "priorityclasses", "runtimeclasses"),
        "policy": (
            "poddisruptionbudgets",
            "networkpolicies",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "mutatingwebhookconfigurations",
        ),
    }
)
"""The names of the catalogue that each group stands for."""
