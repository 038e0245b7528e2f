"""The data of a benchmark: where a probe works, what one run of it cost, what all of them cost.

How it is measured is in `measuring`, what is made of it in `bars` and `tables`.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class BenchmarkError(Exception):
    """A figure would mean nothing; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a probe reads and writes."""

    kubeconfig: str
    context: str
    dsn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """What one run of a probe cost, in a process of its own."""

    seconds: float
    """From when its imports were done."""
    cpu: float = 0
    """Seconds of its own process, in the same time."""
    imports: float = 0
    """CPU seconds before that."""
    memory: float = 0
    """The most it had at one time in MB, above what it had after its imports."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the probe found and did."""


@dataclass(frozen=True, slots=True)
class Results:
    """All measurements, by case and number of pods; 0 where pods do not matter."""

    measurements: dict[tuple[str, int], list[Measurement]] = field(default_factory=dict)

    def add(self, case: str, measurement: Measurement, size: int = 0) -> None:
        """Keep one more."""
        self.measurements.setdefault((case, size), []).append(measurement)

    def of(self, case: str, size: int = 0) -> list[Measurement]:
        """All runs of a case, in their order."""
        return self.measurements.get((case, size), [])

    def seconds(self, case: str, size: int = 0) -> float | None:
        """The median; None when it was not measured."""
        found = [measurement.seconds for measurement in self.of(case, size)]
        return statistics.median(found) if found else None

    def cpu(self, case: str, size: int = 0) -> float | None:
        """The median of the process's CPU seconds; None when it was not measured."""
        found = [measurement.cpu for measurement in self.of(case, size)]
        return statistics.median(found) if found else None

    def ratio(self, case: str, to: str, size: int = 0) -> float | None:
        """How many times as long one case takes as another, by their medians."""
        above, below = self.seconds(case, size), self.seconds(to, size)
        return above / below if above is not None and below else None

    def fact(self, case: str, name: str, size: int = 0) -> Any:
        """The largest value of a fact; None when there is none."""
        found = [measurement.facts[name] for measurement in self.of(case, size) if name in measurement.facts]
        return max(found, default=None)
