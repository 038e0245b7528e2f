"""Bound the whole of a request: every phase of it, every try and every wait between them.

A time-out of a socket bounds the silence between two bytes only: a response of one byte a second never meets it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from airflow_provider_k8s_inventory.kube.http.lines import Line

SLOWEST: Final = 20_000
"""Bytes a second, decoded, that keep a response alive beyond its time: a page of 6 MiB over a line of 160 kbit/s."""
LONGEST: Final = 300
"""Seconds that no response lives longer. etcd forgets the snapshot of a list after 5 minutes
(kube-apiserver's ``--etcd-compaction-interval``), so a page that takes longer leads nowhere."""


class Bound:
    """The time that one request has; the time its caller takes between two pieces does not count."""

    def __init__(self, seconds: float, *, growing: bool) -> None:
        """Start the clock.

        :param seconds: the time it has.
        :param growing: whether bytes that come prolong it.
        """
        self.seconds = seconds
        self.bytes = 0
        self.broken = False
        """Whether the time is over and the line was cut for it."""
        self._growing = growing
        self._spent = 0.0
        self._since: float | None = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds so far."""
        # In this order, so that what another thread pauses meanwhile is not counted twice; locks would cost more.
        spent, since = self._spent, self._since
        return spent + (time.monotonic() - since if since is not None else 0)

    @property
    def left(self) -> float:
        """Seconds from now on."""
        longer = self.bytes / SLOWEST if self._growing else 0
        return min(self.seconds + longer, max(self.seconds, LONGEST)) - self.spent

    def pause(self) -> None:
        """Stop the clock."""
        since, self._since = self._since, None
        self._spent += time.monotonic() - since if since is not None else 0

    def go_on(self) -> None:
        """Let the clock run."""
        self._since = time.monotonic()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock for the block."""
        self.pause()
        try:
            yield
        finally:
            self.go_on()

    @contextmanager
    def kept(self, line: Line) -> Iterator[None]:
        """Cut the line when the time is over within the block.

        A thread does it, as no time-out reaches all phases: a line of headers that grows by a byte a second, the length
        of a chunk, a proxy's greeting. It costs 0.1 ms a request.
        """
        done = Event()

        def watch() -> None:
            while not done.wait(max(0.0, self.left)):
                if self.left <= 0:
                    self.broken = True
                    line.cut()
                    return

        Thread(target=watch, name="k8s-inventory-bound", daemon=True).start()
        try:
            yield
        finally:
            done.set()
