"""CSIStorageCapacities: how much storage is left, and where."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import json, quantity, resource, text

DEFINITION = resource(
    "storage.k8s.io/v1",
    "csistoragecapacities",
    "CSIStorageCapacity",
    text("storage_class", "storageClassName"),
    quantity("capacity", "capacity", "capacity, in bytes"),
    quantity("maximum_volume_size", "maximumVolumeSize", "maximumVolumeSize, in bytes"),
    json("node_topology", "nodeTopology"),
)
