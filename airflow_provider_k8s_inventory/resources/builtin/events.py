"""Events: what happened to an object, which API servers tell for an hour."""

from __future__ import annotations

from datetime import datetime

import msgspec

from airflow_provider_k8s_inventory.model import Index
from airflow_provider_k8s_inventory.resources.declare import at, computed, resource, text
from airflow_provider_k8s_inventory.resources.shared import Time


class Series(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The count that an event of the newer API has of itself."""

    count: int = 0
    last_observed_time: Time | None = None


def _times(
    first: datetime | None, last: datetime | None, at_: datetime | None, series: Series | None, times: int | None
) -> tuple[datetime | None, datetime | None, int]:
    """Tell when it first and last happened, and how often: the newer API leaves out the older one's fields."""
    if series:
        return first or at_, series.last_observed_time or last or at_, series.count
    return first or at_, last or at_ or first, times or 1


def _component(source: str | None, reporting: str | None) -> str | None:
    """Tell who says so: what reports by the newer API leaves the source empty."""
    return source or reporting or None


DEFINITION = resource(
    "v1",
    "events",
    "Event",
    text("type", "type", "type: Normal or Warning"),
    text("reason", "reason"),
    text("message", "message"),
    text("involved_kind", "involvedObject.kind"),
    text("involved_namespace", "involvedObject.namespace"),
    text("involved_name", "involvedObject.name"),
    text("involved_uid", "involvedObject.uid"),
    text("involved_field", "involvedObject.fieldPath"),
    computed(
        _times,
        at("firstTimestamp", Time),
        at("lastTimestamp", Time),
        at("eventTime", Time),
        at("series", Series),
        at("count", int),
        first_at=("timestamp with time zone", "When it first happened"),
        last_at=("timestamp with time zone", "When it last happened"),
        count=("integer", "How often it happened"),
    ),
    computed(
        _component,
        at("source.component", str),
        at("reportingComponent", str),
        component=("text", "source.component, or reportingComponent"),
    ),
    text("host", "source.host"),
    short=("ev",),
    aged_by="last_at",
    history=False,
    # https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
    also_in=("events.k8s.io",),
    indexes=(Index(("context_name", "last_at")), Index(("context_name", "involved_uid"))),
)
