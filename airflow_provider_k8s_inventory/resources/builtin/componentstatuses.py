"""ComponentStatuses: what the API server says of the control plane, if it says anything."""

from __future__ import annotations

from functools import partial

import msgspec

from airflow_provider_k8s_inventory.resources.declare import at, computed, resource, texts
from airflow_provider_k8s_inventory.resources.shared import holds


class Condition(msgspec.Struct, frozen=True, gc=False):
    """One entry of ``conditions``; they have no reason."""

    type: str = ""
    status: str = ""


DEFINITION = resource(
    "v1",
    "componentstatuses",
    "ComponentStatus",
    computed(
        partial(holds, type_="Healthy"),
        at("conditions", list[Condition]),
        healthy=("boolean", "Whether the condition Healthy is True"),
    ),
    texts("messages", "conditions[].message"),
    short=("cs",),
    watchable=False,
    # They are made for each request: pkg/registry/core/componentstatus/rest.go
    has_uids=False,
    namespaced=False,
    history=False,
)
