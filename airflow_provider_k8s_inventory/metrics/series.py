"""The values of metrics so far, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from airflow_provider_k8s_inventory.metrics.declared import METRICS, Sample


class Series:
    """Counters that sum up and gauges that keep the last value; any thread may add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, tuple[str, ...]], float] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        """Add samples."""
        for metric, tags, value in samples:
            key = metric.name, tuple(tags[name] for name in metric.tags)
            with self._lock:
                before = self._values.get(key, 0) if metric.kind == "counter" else 0
                self._values[key] = before + value

    def samples(self) -> list[Sample]:
        """Return the values, those of a metric together, in the order of the declarations."""
        with self._lock:
            values = list(self._values.items())
        found: dict[str, list[Sample]] = {name: [] for name in METRICS}
        for (name, tags), value in values:
            metric = METRICS[name]
            found[name].append(Sample(metric, dict(zip(metric.tags, tags, strict=True)), value))
        return [sample for of_metric in found.values() for sample in of_metric]
