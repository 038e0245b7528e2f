"""A watch: the changes of one resource, one line each, and the bookmarks between them.

Its parameters are read in `options`; how events are written is in `rendering`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from k8s_inventory_demo.simulator import rendering
from k8s_inventory_demo.simulator.collection import Event
from k8s_inventory_demo.simulator.errors import StatusError
from k8s_inventory_demo.simulator.negotiation import Form
from k8s_inventory_demo.simulator.objects import Entry, encode
from k8s_inventory_demo.simulator.options import Options
from k8s_inventory_demo.simulator.selectors import predicate
from k8s_inventory_demo.simulator.served import Served
from k8s_inventory_demo.simulator.store import Store

_TIMEOUT: Final = 1800
"""Seconds; the real server ends a watch without ``timeoutSeconds`` after half an hour at the earliest."""
# https://github.com/kubernetes/apiserver/blob/master/pkg/storage/cacher/cache_watcher.go (nextBookmarkTime)
_BOOKMARKS: Final = 60
"""Seconds between two bookmarks."""
_BEFORE_THE_END: Final = 2
"""Seconds between the last bookmark and the end; a watch shorter than that has none."""
_BURST: Final = 200
"""The number of initial events written at once."""


class Feed:
    """The changes of one collection, handed from the threads that make them to the loop that sends them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()

    def push(self, event: Event) -> None:
        """Take one; called with the store's lock held."""
        self._events.append(event)
        self._loop.call_soon_threadsafe(self._arrived.set)

    @property
    def empty(self) -> bool:
        """Tell if all were taken; only certain with the store's lock held."""
        return not self._events

    async def take(self, seconds: float) -> list[Event]:
        """All that arrived, after waiting for the first one at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)
        self._arrived.clear()
        return [self._events.popleft() for _ in range(len(self._events))]


class Watch:
    """The events that one client is told.

    :param bookmark_after: seconds between bookmarks; ``None`` for the real server's.
    :raises StatusError: 400, a selector that cannot be read.
    """

    def __init__(
        self, served: Served, namespace: str | None, form: Form, options: Options, bookmark_after: float | None
    ) -> None:
        self._served = served
        self._namespace = namespace
        self._form = form
        self._options = options
        self._bookmark_after = bookmark_after
        self._selected = predicate(served.collection, options.labels, options.fields)
        self._deadline = time.monotonic() + (options.seconds or _TIMEOUT)

    async def stream(self, store: Store) -> AsyncGenerator[bytes]:
        """All that it is told, until its time is over; nothing is missed from the first, empty piece on."""
        collection, feed = self._served.collection, Feed()
        resumes = self._options.version > 0 and not self._options.initial_events
        try:
            with store.lock:
                version = store.resource_version
                missed = store.events_after(collection, self._options.version) if resumes else []
                entries = [] if resumes else store.entries(collection)
                store.listen(collection, feed.push)
        except StatusError as error:
            yield b""
            # Not the response's status: the real server's watch cache says it by an event.
            yield rendering.event("ERROR", encode(error.document()))
            return
        try:
            yield b""
            for burst in self._added(entries):
                yield burst
            if self._options.initial_events and self._options.bookmarks:
                yield rendering.bookmark(self._served, version, self._form, initial_events_end=True)
            yield b"".join(map(self._line, missed))
            since = self._options.version if resumes else version
            async with contextlib.aclosing(self._follow(store, feed, since)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            store.unlisten(collection, feed.push)

    def _covers(self, entry: Entry | None) -> bool:
        """Tell if it covers an object in this state."""
        if entry is None or (self._namespace is not None and entry.namespace != self._namespace):
            return False
        return self._selected is None or self._selected(entry)

    def _line(self, event: Event) -> bytes:
        """Write what it tells of a change; what comes into the selection is added, what leaves it deleted."""
        before, after = self._covers(event.previous), event.type != "DELETED" and self._covers(event.entry)
        if not (before or after):
            return b""
        type_ = "MODIFIED" if before and after else "ADDED" if after else "DELETED"
        return rendering.event(type_, rendering.one(self._served, event.entry, self._form))

    def _added(self, entries: list[Entry]) -> Iterator[bytes]:
        """All objects there are, as if they had just been added."""
        for start in range(0, len(entries), _BURST):
            lines = (
                rendering.event("ADDED", rendering.one(self._served, entry, self._form))
                for entry in entries[start : start + _BURST]
                if self._covers(entry)
            )
            yield b"".join(lines)

    async def _follow(self, store: Store, feed: Feed, since: int) -> AsyncGenerator[bytes]:
        """Further changes; and bookmarks, though none that only repeats where the watch began, as the real server."""
        due = self._next_bookmark()
        while (now := time.monotonic()) < self._deadline:
            if events := await feed.take(min(due, self._deadline) - now):
                yield b"".join(map(self._line, events))
            if time.monotonic() >= due:
                with store.lock:
                    told, version = feed.empty, store.resource_version
                if told:
                    due = self._next_bookmark()
                    if version > since:
                        yield rendering.bookmark(self._served, version, self._form)

    def _next_bookmark(self) -> float:
        """Return the time the next one is due; infinite where the client wants none."""
        now = time.monotonic()
        if not self._options.bookmarks:
            return float("inf")
        if self._bookmark_after is not None:
            return now + self._bookmark_after
        last = self._deadline - _BEFORE_THE_END
        return min(now + _BOOKMARKS, last) if now < last else float("inf")
