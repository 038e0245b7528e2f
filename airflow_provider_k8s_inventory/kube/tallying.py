"""Count what requests cost that their responses do not tell: how often they were sent again.

A thread counts for the block that started its work, as it takes over the context of that block (`contextvars`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Tally:
    """The numbers of one scope; several threads may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.retries = 0
        """Requests that were sent again."""

    def retry(self) -> None:
        """Count a request that is sent again."""
        with self._lock:
            self.retries += 1

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what the block asks for."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[Tally | None] = ContextVar("k8s_inventory_tally", default=None)


def retry() -> None:
    """Count a request that is sent again, where anybody counts."""
    if tally := _current.get():
        tally.retry()
