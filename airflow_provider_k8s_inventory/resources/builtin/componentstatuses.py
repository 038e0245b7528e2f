"""ComponentStatuses: what the API server says of the control plane, if it says anything."""

from __future__ import annotations

import msgspec

from airflow_provider_k8s_inventory.resources.declare import at, computed, resource, texts


class Condition(msgspec.Struct, frozen=True, gc=False):
    """One entry of ``conditions``; they have no reason."""

    type: str = ""
    status: str = ""


def _healthy(conditions: list[Condition] | None) -> bool:
    return any(each.type == "Healthy" and each.status == "True" for each in conditions or ())


DEFINITION = resource(
    "v1",
    "componentstatuses",
    "ComponentStatus",
    computed(
        _healthy,
        at("conditions", list[Condition]),
        healthy=("boolean", "Whether the condition Healthy is True"),
    ),
    texts("messages", "conditions[].message"),
    short=("cs",),
    watchable=False,
    namespaced=False,
)
