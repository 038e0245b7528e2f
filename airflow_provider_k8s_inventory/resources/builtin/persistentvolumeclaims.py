"""PersistentVolumeClaims: how much storage is asked for, and which volume gives it."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, computed, quantity, resource, text, texts
from airflow_provider_k8s_inventory.resources.shared import terminating

DEFINITION = resource(
    "v1",
    "persistentvolumeclaims",
    "PersistentVolumeClaim",
    computed(
        terminating,
        at("status.phase", str),
        at("metadata.deletionTimestamp"),
        status=("text", "STATUS as kubectl prints it: Bound, Pending, Lost, Terminating"),
    ),
    problems.by_phase("Pending", "Lost"),
    text("volume_name", "spec.volumeName"),
    quantity("capacity", "status.capacity.storage", "status.capacity.storage, in bytes"),
    quantity("requested", "spec.resources.requests.storage", "spec.resources.requests.storage, in bytes"),
    texts("access_modes", "status.accessModes[]"),
    text("storage_class", "spec.storageClassName"),
    text("volume_attributes_class", "spec.volumeAttributesClassName"),
    text("volume_mode", "spec.volumeMode"),
    short=("pvc",),
)
