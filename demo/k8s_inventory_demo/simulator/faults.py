"""Faults on request: rules that make chosen requests fail, late, cut off or without any response.

They are applied in `server`, before it knows who asks.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Fault:
    """A rule of which requests fail, how often and in what way; without a way, it only counts and delays."""

    path: str = ""
    """A regular expression that is searched in the path: ``"/pods$"``."""
    verb: str | None = None
    """As Kubernetes names them: ``"list"``, ``"watch"``, ``"get"``, ``"create"``."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Regular expressions that are searched in parameters: ``{"continue": "."}`` for all pages but the first."""
    skip: int = 0
    """The number of such requests that are let through first."""
    times: int | None = 1
    """The number that fail; ``None`` for all."""

    status: int | None = None
    """Response with this HTTP status instead."""
    retry_after: int | None = None
    """Seconds, for the response's ``Retry-After``."""
    body: bytes | None = None
    """Response with these bytes instead of JSON of the server's own."""
    latency: float = 0
    """Seconds to wait before anything else."""
    truncate: int | None = None
    """Close the connection after so many bytes of the body."""
    reset: bool = False
    """Reset the connection instead of responding."""

    hits: int = 0
    """The number of requests it has failed so far."""

    def matches(self, path: str, verb: str, query: Mapping[str, str]) -> bool:
        """Tell if it covers a request."""
        return (
            re.search(self.path, path) is not None
            and self.verb in (None, verb)
            and all(re.search(pattern, query.get(name, "")) is not None for name, pattern in self.query.items())
        )

    @property
    def replaces(self) -> bool:
        """Tell if it replaces the response."""
        return self.status is not None or self.body is not None


class Faults:
    """The faults of one server, in order; the first that matches is the one that happens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Let it happen from now on."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    def next(self, path: str, verb: str, query: Mapping[str, str]) -> Fault | None:
        """Find the fault that happens to a request, and count it."""
        with self._lock:
            for fault in self._faults:
                if (fault.times is not None and fault.hits >= fault.times) or not fault.matches(path, verb, query):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                return fault
        return None
