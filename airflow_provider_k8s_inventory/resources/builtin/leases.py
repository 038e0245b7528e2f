"""Leases: who holds a lock or is alive, and since when."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import integer, resource, text, timestamp

DEFINITION = resource(
    "coordination.k8s.io/v1",
    "leases",
    "Lease",
    text("holder", "spec.holderIdentity"),
    integer("duration_seconds", "spec.leaseDurationSeconds"),
    timestamp("acquired_at", "spec.acquireTime"),
    timestamp("renewed_at", "spec.renewTime"),
    integer("transitions", "spec.leaseTransitions"),
    history=False,
)
