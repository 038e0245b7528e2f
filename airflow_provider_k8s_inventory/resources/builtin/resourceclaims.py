"""ResourceClaims: devices that pods ask for."""

from __future__ import annotations

from datetime import datetime

import msgspec

from airflow_provider_k8s_inventory.resources.declare import at, computed, json, resource


def _state(
    deleted: datetime | None, allocation: dict[str, msgspec.Raw] | None, reserved: list[msgspec.Raw] | None
) -> str:
    states = ["deleted"] if deleted else []
    if allocation is not None:
        states.append("allocated")
        if reserved:
            states.append("reserved")
    return ",".join(states) or "pending"


DEFINITION = resource(
    "resource.k8s.io/v1",
    "resourceclaims",
    "ResourceClaim",
    computed(
        _state,
        at("metadata.deletionTimestamp"),
        at("status.allocation", dict[str, msgspec.Raw]),
        at("status.reservedFor", list[msgspec.Raw]),
        state=("text", "STATE as kubectl prints it: pending, allocated,reserved, …"),
    ),
    json("requests", "spec.devices.requests", missing=b"[]"),
)
