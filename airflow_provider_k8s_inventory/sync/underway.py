"""A register of the scopes that are being synced, for callers that show it; `fleet` keeps it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Doing(NamedTuple):
    """One scope under way, or the discovery of the resources that globs mean."""

    context_name: str
    resource: str
    seconds: float
    """Since it began."""


class UnderWay:
    """The scopes under way; usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: dict[tuple[str, str], float] = {}

    @contextmanager
    def doing(self, context_name: str, resource: str) -> Iterator[None]:
        """Register a scope for the length of the block."""
        key = (context_name, resource)
        with self._lock:
            self._began[key] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._began.pop(key, None)

    def now(self) -> list[Doing]:
        """List what is under way, the oldest first."""
        with self._lock:
            began = list(self._began.items())
        now = time.monotonic()
        return [Doing(context_name, resource, now - since) for (context_name, resource), since in began]
