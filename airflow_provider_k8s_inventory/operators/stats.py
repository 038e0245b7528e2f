"""Metrics through Airflow's Stats: to StatsD, Datadog or OpenTelemetry, as the deployment has it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_k8s_inventory.metrics.declared import Sample


def send(samples: Iterable[Sample]) -> None:
    """Send samples; where the deployment has no metrics, nothing happens."""
    from airflow.providers.common.compat.sdk import Stats

    for metric, tags, value in samples:
        if metric.kind == "counter":
            Stats.incr(metric.name, int(value), tags=dict(tags))
        elif metric.kind == "timing":
            # A number would be milliseconds.
            Stats.timing(metric.name, timedelta(seconds=value), tags=dict(tags))
        else:
            Stats.gauge(metric.name, value, tags=dict(tags))
