"""All objects of one simulated server under one resourceVersion counter, safe to use from any thread.

What a write means (names, conflicts, generations) is in `writing`; here it only takes effect.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Literal

from k8s_inventory_demo.simulator.collection import Collection, Event, Snapshot
from k8s_inventory_demo.simulator.errors import expired
from k8s_inventory_demo.simulator.objects import Entry

Listener = Callable[[Event], None]


class Store:
    """The collections; every method that belongs together with others is called while `lock` is held."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.resource_version = 0
        """Of the last write to anything, as in etcd."""
        self.compacted = 0
        """The oldest resourceVersion from which a list can be continued or a watch resumed."""
        self._collections: defaultdict[str, Collection] = defaultdict(Collection)
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)

    def next_version(self) -> int:
        """Count one write; the caller makes it with this resourceVersion."""
        self.resource_version += 1
        return self.resource_version

    def get(self, collection: str, key: str) -> Entry | None:
        """One object as it is now."""
        return self._collections[collection].entries.get(key)

    def entries(self, collection: str) -> list[Entry]:
        """All objects as they are now, in key order."""
        return self.snapshot(collection, self.resource_version).entries

    def load(self, collection: str, entries: Iterable[Entry]) -> None:
        """Take objects without telling anyone; history starts anew."""
        with self.lock:
            self._collections[collection].load(entries)
            self.compact()

    def apply(self, collection: str, type_: Literal["ADDED", "MODIFIED", "DELETED"], entry: Entry) -> None:
        """Let a change happen, with the last resourceVersion that was counted."""
        with self.lock:
            previous = self.get(collection, entry.key)
            event = Event(type=type_, version=self.resource_version, entry=entry, previous=previous)
            self._collections[collection].apply(event)
            for listener in self._listeners[collection]:
                listener(event)

    def snapshot(self, collection: str, version: int) -> Snapshot:
        """Return the state of a collection as of a resourceVersion.

        :raises StatusError: 410, that state was compacted.
        """
        with self.lock:
            self._check(version)
            return self._collections[collection].snapshot(version)

    def events_after(self, collection: str, version: int) -> list[Event]:
        """Return the events of a collection since a resourceVersion.

        :raises StatusError: 410, a part of that was compacted.
        """
        with self.lock:
            self._check(version)
            return self._collections[collection].events_after(version)

    def listen(self, collection: str, listener: Listener) -> None:
        """Call for every further change, in the thread that makes it and while it holds the lock."""
        self._listeners[collection].append(listener)

    def unlisten(self, collection: str, listener: Listener) -> None:
        """Undo `listen`."""
        with self.lock:
            self._listeners[collection].remove(listener)

    def compact(self) -> None:
        """Forget all history up to now."""
        with self.lock:
            self.compacted = self.resource_version
            for collection in self._collections.values():
                collection.compact()

    def _check(self, version: int) -> None:
        if version < self.compacted:
            # The words of kube-apiserver's watch cache; a continued list has its own.
            raise expired(f"too old resource version: {version} ({self.compacted})")
