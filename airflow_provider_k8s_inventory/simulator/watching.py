"""A watch: the changes of one resource, one line each, and the bookmarks between them.

Lists, also the one that starts a WatchList, are selected in `listing`; how events are written is in `rendering`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from airflow_provider_k8s_inventory.simulator import rendering
from airflow_provider_k8s_inventory.simulator.collection import Event
from airflow_provider_k8s_inventory.simulator.errors import StatusError, invalid
from airflow_provider_k8s_inventory.simulator.listing import number
from airflow_provider_k8s_inventory.simulator.negotiation import Form
from airflow_provider_k8s_inventory.simulator.objects import Entry, encode
from airflow_provider_k8s_inventory.simulator.selectors import Predicate, predicate
from airflow_provider_k8s_inventory.simulator.served import Served
from airflow_provider_k8s_inventory.simulator.store import Store

_TIMEOUT: Final = 1800
"""Seconds; the real server ends a watch without ``timeoutSeconds`` after half an hour at the earliest."""
_BOOKMARKS: Final = 60
"""Seconds between two bookmarks of a watch on which nothing happens."""
_BURST: Final = 200
"""How many of the initial events are written at once."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What one client asked to be told."""

    served: Served
    namespace: str | None
    form: Form
    selected: Predicate | None
    since: int | None
    """The resourceVersion to resume after; ``None`` to begin with all objects there are."""
    bookmarks: bool
    list_first: bool
    """Whether it is a WatchList: a bookmark then tells when all objects there are have been sent."""
    seconds: int

    def covers(self, entry: Entry | None) -> bool:
        """Whether it speaks of an object in this state."""
        if entry is None or (self.namespace is not None and entry.namespace != self.namespace):
            return False
        return self.selected is None or self.selected(entry)

    def line(self, event: Event) -> bytes:
        """What it tells of a change; an object that comes into the selection is added, one that leaves is deleted."""
        before, after = self.covers(event.previous), event.type != "DELETED" and self.covers(event.entry)
        if not (before or after):
            return b""
        type_ = "MODIFIED" if before and after else "ADDED" if after else "DELETED"
        return rendering.event(type_, rendering.one(self.served, event.entry, self.form))


def read(
    served: Served, namespace: str | None, form: Form, query: Mapping[str, str], *, watch_list: bool
) -> Watch:
    """Read a request's parameters.

    :param watch_list: whether the server lets a watch begin with a list.
    :raises StatusError: 400 for parameters that make no sense, 422 for a WatchList where there is none.
    """
    list_first = query.get("sendInitialEvents", "").lower() in ("1", "true")
    if list_first and not watch_list:
        why = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        raise invalid("ListOptions", "meta.k8s.io", "", why)
    if list_first and query.get("resourceVersionMatch") != "NotOlderThan":
        why = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid("ListOptions", "meta.k8s.io", "", why)
    return Watch(
        served=served,
        namespace=namespace,
        form=form,
        selected=predicate(served.collection, query.get("labelSelector"), query.get("fieldSelector")),
        since=None if list_first else number(query, "resourceVersion") or None,
        bookmarks=query.get("allowWatchBookmarks", "").lower() in ("1", "true"),
        list_first=list_first,
        seconds=number(query, "timeoutSeconds") or _TIMEOUT,
    )


class _Feed:
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
        """Whether all were taken; only certain with the store's lock held."""
        return not self._events

    async def take(self, seconds: float) -> list[Event]:
        """All that arrived, after waiting for the first one at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)
        self._arrived.clear()
        return [self._events.popleft() for _ in range(len(self._events))]


async def stream(store: Store, watch: Watch, idle: float) -> AsyncIterator[bytes]:
    """All a watch sends, until its time is over.

    :param idle: seconds without a change after which a bookmark is sent.
    """
    collection, feed = watch.served.collection, _Feed()
    with store.lock:
        version = store.resource_version
        try:
            missed = [] if watch.since is None else store.events_after(collection, watch.since)
        except StatusError as error:
            # Not the answer's status: the real server's watch cache says it by an event.
            yield rendering.event("ERROR", encode(error.document()))
            return
        entries = store.entries(collection) if watch.since is None else []
        store.listen(collection, feed.push)
    try:
        for burst in _initial(watch, entries):
            yield burst
        if watch.list_first and watch.bookmarks:
            yield rendering.bookmark(watch.served, version, watch.form, initial_events_end=True)
        yield b"".join(map(watch.line, missed))
        async for piece in _follow(store, watch, feed, idle):
            yield piece
    finally:
        store.unlisten(collection, feed.push)


def _initial(watch: Watch, entries: list[Entry]) -> Iterator[bytes]:
    """All objects there are, as if they had just been added."""
    for start in range(0, len(entries), _BURST):
        lines = (
            rendering.event("ADDED", rendering.one(watch.served, entry, watch.form))
            for entry in entries[start : start + _BURST]
            if watch.covers(entry)
        )
        yield b"".join(lines)


async def _follow(store: Store, watch: Watch, feed: _Feed, idle: float) -> AsyncIterator[bytes]:
    deadline = time.monotonic() + watch.seconds
    told: int | None = None
    """The resourceVersion of the last bookmark, if nothing was sent since."""
    while (left := deadline - time.monotonic()) > 0:
        events = await feed.take(min(left, idle if told is None else _BOOKMARKS))
        if events:
            told = None
            yield b"".join(map(watch.line, events))
            continue
        with store.lock:
            quiet, version = feed.empty, store.resource_version
        if quiet and watch.bookmarks and version != told:
            told = version
            yield rendering.bookmark(watch.served, version, watch.form)
