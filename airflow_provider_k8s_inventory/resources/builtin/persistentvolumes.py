"""PersistentVolumes: how big they are, who claims them, and which driver makes them."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, computed, quantity, resource, text, texts
from airflow_provider_k8s_inventory.resources.shared import terminating

DEFINITION = resource(
    "v1",
    "persistentvolumes",
    "PersistentVolume",
    computed(
        terminating,
        at("status.phase", str),
        at("metadata.deletionTimestamp"),
        status=("text", "STATUS as kubectl prints it: Available, Bound, Released, Failed, Terminating"),
    ),
    problems.by_phase("Failed"),
    quantity("capacity", "spec.capacity.storage", "spec.capacity.storage, in bytes"),
    texts("access_modes", "spec.accessModes[]"),
    text("reclaim_policy", "spec.persistentVolumeReclaimPolicy"),
    text("claim_namespace", "spec.claimRef.namespace"),
    text("claim_name", "spec.claimRef.name"),
    text("storage_class", "spec.storageClassName"),
    text("volume_attributes_class", "spec.volumeAttributesClassName"),
    text("volume_mode", "spec.volumeMode"),
    text("reason", "status.reason"),
    text("csi_driver", "spec.csi.driver"),
    text("volume_handle", "spec.csi.volumeHandle"),
    short=("pv",),
    namespaced=False,
)
