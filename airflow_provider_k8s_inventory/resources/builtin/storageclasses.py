"""StorageClasses: which driver makes volumes, and how."""

from __future__ import annotations

import msgspec

from airflow_provider_k8s_inventory.resources.declare import at, boolean, computed, json, resource, text
from airflow_provider_k8s_inventory.resources.shared import flagged

# Both still count: IsDefaultAnnotation of k8s.io/kubernetes/pkg/apis/storage/util/helpers.go.
_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def _is_default(annotations: msgspec.Raw) -> bool:
    return any(flagged(annotations, key) for key in _DEFAULT)


DEFINITION = resource(
    "storage.k8s.io/v1",
    "storageclasses",
    "StorageClass",
    text("provisioner", "provisioner"),
    text("reclaim_policy", "reclaimPolicy"),
    text("volume_binding_mode", "volumeBindingMode"),
    boolean("allow_volume_expansion", "allowVolumeExpansion", missing=False),
    computed(
        _is_default,
        at("metadata.annotations"),
        is_default=("boolean", "Whether claims without a class get it"),
    ),
    json("parameters", "parameters", missing=b"{}"),
    short=("sc",),
    namespaced=False,
)
