"""CSIDrivers: the storage drivers of a cluster."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import boolean, resource, text, texts

DEFINITION = resource(
    "storage.k8s.io/v1",
    "csidrivers",
    "CSIDriver",
    boolean("attach_required", "spec.attachRequired"),
    boolean("pod_info_on_mount", "spec.podInfoOnMount"),
    boolean("storage_capacity", "spec.storageCapacity"),
    boolean("requires_republish", "spec.requiresRepublish"),
    texts("modes", "spec.volumeLifecycleModes[]"),
    texts("token_audiences", "spec.tokenRequests[].audience"),
    text("fs_group_policy", "spec.fsGroupPolicy"),
    namespaced=False,
)
