"""Gather the events of one watch until they are to be written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.kube.events import Event
from airflow_provider_k8s_inventory.model import Changes, Received

SECONDS: Final = 0.5
"""Seconds that the first event of a batch waits for others."""
EVENTS: Final = 1000
"""Events of a batch; a piece of the stream may bring some more."""
BYTES: Final = 8 << 20
"""Bytes of a batch; likewise."""
QUIET: Final = 30.0
"""Seconds after which a bookmark is written where nothing else was: each is a row version in ``k8s_scopes``."""


@dataclass(slots=True)
class Batch:
    """The events since the last ones that were written."""

    since: str
    """The resourceVersion at which the rows are complete."""
    reached: str = ""
    """The resourceVersion of the last event or bookmark; empty: nothing came."""
    reached_at: datetime | None = None
    """When that came."""
    size: int = 0
    _changes: list[tuple[bool, msgspec.Raw]] = field(default_factory=list)
    _began: float = 0.0
    _began_at: datetime | None = None

    def add(self, events: Sequence[Event]) -> None:
        """Take what came."""
        if events:
            self.reached_at = datetime.now(UTC)
        for event in events:
            self.reached = event.resource_version or self.reached
            if event.type == "BOOKMARK":
                continue
            if not self._changes:
                self._began, self._began_at = time.monotonic(), datetime.now(UTC)
            self._changes.append((event.type == "DELETED", event.object))
            self.size += event.size

    def __len__(self) -> int:
        return len(self._changes)

    @property
    def left(self) -> float | None:
        """Seconds until it is to be written; None: there is nothing to write."""
        if not self._changes:
            return None
        if len(self._changes) >= EVENTS or self.size >= BYTES:
            return 0.0
        return max(0.0, SECONDS - (time.monotonic() - self._began))

    def received(self) -> Received:
        """Return the changes, for the rows."""
        return Received(
            since=self.since,
            resource_version=self.reached,
            changes=Changes(events=self._changes, resource_version=self.reached, size=self.size),
            began_at=self._began_at or datetime.now(UTC),
        )
