"""VolumeAttachments: which volume is attached to which node."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import boolean, resource, text

DEFINITION = resource(
    "storage.k8s.io/v1",
    "volumeattachments",
    "VolumeAttachment",
    text("attacher", "spec.attacher"),
    text("volume_name", "spec.source.persistentVolumeName"),
    text("node_name", "spec.nodeName"),
    boolean("attached", "status.attached", missing=False),
    text("attach_error", "status.attachError.message"),
    text("detach_error", "status.detachError.message"),
    namespaced=False,
)
