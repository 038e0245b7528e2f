"""Let whoever leaves end what other threads have under way: requests, waits and commands.

A thread works under the `Stop` of the block that started it. Python cannot raise an exception in another thread, so
each thing that waits registers how it is ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopped(BaseException):
    """The end of work whose caller has left. Like KeyboardInterrupt it is no Exception, which handlers catch."""


class Stop:
    """A signal that ends what is under way, at once and for good; several threads may use it."""

    def __init__(self) -> None:
        # Reentrant: an exception handler may run while the same thread holds it.
        self._lock = threading.RLock()
        self._event = threading.Event()
        self._ends: dict[object, Callable[[], None]] = {}

    def set(self) -> None:
        """End everything that is registered; what would begin later raises `Stopped`."""
        self._event.set()
        with self._lock:
            ends = list(self._ends.values())
        for end in ends:
            end()

    def check(self) -> None:
        """Begin nothing new.

        :raises Stopped: when it is set.
        """
        if self._event.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Sleep.

        :raises Stopped: as soon as it is set.
        """
        if self._event.wait(seconds):
            raise Stopped

    @contextmanager
    def calling(self, end: Callable[[], None]) -> Iterator[None]:
        """Register how the block is ended from another thread.

        :param end: may be called at any time in the block, and must not wait.
        :raises Stopped: when it is set already.
        """
        key = object()
        with self._lock:
            self.check()
            self._ends[key] = end
        try:
            yield
        finally:
            with self._lock:
                del self._ends[key]

    @contextmanager
    def ruling(self) -> Iterator[None]:
        """Let the block's thread work under this one."""
        outer = current()
        _local.stop = self
        try:
            yield
        finally:
            _local.stop = outer


_NEVER = Stop()
_local = threading.local()


def current() -> Stop:
    """Return the one that rules this thread; one that is never set where none does."""
    found: Stop = getattr(_local, "stop", _NEVER)
    return found
