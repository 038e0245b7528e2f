"""EndpointSlices: the addresses behind a service, and whether they are ready."""

from __future__ import annotations

import msgspec

from airflow_provider_k8s_inventory.resources.declare import at, computed, json, resource, text
from airflow_provider_k8s_inventory.resources.shared import member


class _Conditions(msgspec.Struct, frozen=True, gc=False):
    ready: bool | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """One entry of ``endpoints``."""

    addresses: list[str] | None = None
    conditions: _Conditions | None = None


def _service(labels: msgspec.Raw) -> str | None:
    return member(labels, "kubernetes.io/service-name")


def _endpoints(endpoints: list[Endpoint] | None) -> tuple[list[str], int, int]:
    found = endpoints or []
    # "A nil value should be interpreted as true": EndpointConditions of k8s.io/api/discovery/v1.
    ready = sum(1 for each in found if each.conditions is None or each.conditions.ready is not False)
    return [address for each in found for address in each.addresses or ()], ready, len(found)


DEFINITION = resource(
    "discovery.k8s.io/v1",
    "endpointslices",
    "EndpointSlice",
    computed(
        _service,
        at("metadata.labels"),
        service_name=("text", "The label kubernetes.io/service-name"),
    ),
    text("address_type", "addressType"),
    computed(
        _endpoints,
        at("endpoints", list[Endpoint]),
        addresses=("text[]", "The addresses of endpoints, in order"),
        ready=("integer", "How many endpoints are ready"),
        endpoints=("integer", "How many endpoints there are"),
    ),
    json("ports", "ports", missing=b"[]"),
    history=False,
)
