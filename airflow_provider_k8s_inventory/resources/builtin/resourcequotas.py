"""ResourceQuotas: how much a namespace may have, and how much it has."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from airflow_provider_k8s_inventory.resources.declare import at, computed, json, resource, texts
from airflow_provider_k8s_inventory.resources.quantities import quantity

# A JSON number keeps all digits of a decimal this way.
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _amounts(hard: msgspec.Raw, used: msgspec.Raw) -> tuple[str, str]:
    return _numbers(hard), _numbers(used)


def _numbers(written: msgspec.Raw) -> str:
    """Write quantities as numbers."""
    found: dict[str, Decimal | None] = {
        name: quantity(value)
        for name, value in (msgspec.json.decode(written, type=dict[str, str] | None) or {}).items()
    }
    return _ENCODER.encode(found).decode()


DEFINITION = resource(
    "v1",
    "resourcequotas",
    "ResourceQuota",
    json("hard", "status.hard", "status.hard: the limits, by what they limit", missing=b"{}"),
    json("used", "status.used", "status.used: by what is limited", missing=b"{}"),
    computed(
        _amounts,
        at("status.hard"),
        at("status.used"),
        hard_amounts=("jsonb", "The same limits as numbers: cores, bytes, pieces"),
        used_amounts=("jsonb", "The same use as numbers"),
    ),
    texts("scopes", "spec.scopes[]"),
    short=("quota",),
)
