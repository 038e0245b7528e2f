"""The objects of one resource, and what happened to them: every state since the last compaction can be had.

Who writes, and when, is in `store`; which part of a state a client gets is in `listing` and `watching`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from k8s_inventory_demo.simulator.objects import Entry

_PAST_STATES: Final = 4
"""The number of past states kept ready, each a list of references; others are worked out again."""


class Event(msgspec.Struct, frozen=True):
    """One change of one object."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    version: int
    """The resourceVersion of the change."""
    entry: Entry
    """The object after the change; of a deleted one its last state, with the deletion's resourceVersion."""
    previous: Entry | None = None
    """The object before the change."""


class Snapshot(msgspec.Struct, frozen=True):
    """One state of a collection, in key order."""

    keys: list[str]
    entries: list[Entry]

    def range_of(self, namespace: str | None) -> tuple[int, int]:
        """Return the half-open range of one namespace; of everything for ``None``."""
        if namespace is None:
            return 0, len(self.keys)
        # "0" is the character after "/": no key of another namespace lies between the two.
        return bisect_left(self.keys, f"{namespace}/"), bisect_left(self.keys, f"{namespace}0")


class Collection:
    """The objects of one resource; not safe for threads by itself, `store` holds the lock."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._keys: list[str] = []
        self._events: list[Event] = []
        self._current: Snapshot | None = None
        self._past: dict[int, Snapshot] = {}

    def load(self, entries: Iterable[Entry]) -> None:
        """Take objects that were always there: without events, so that nobody can resume from before."""
        self.entries.update((entry.key, entry) for entry in entries)
        self._keys = sorted(self.entries)
        self._current = None

    def apply(self, event: Event) -> None:
        """Let a change happen."""
        key = event.entry.key
        if self._current is not None:
            self._remember(event.version, self._current)
            self._current = None
        if event.type == "DELETED":
            del self.entries[key]
            del self._keys[bisect_left(self._keys, key)]
        else:
            if key not in self.entries:
                insort(self._keys, key)
            self.entries[key] = event.entry
        self._events.append(event)

    def events_after(self, version: int) -> list[Event]:
        """Return the events since; the caller checks that this was not compacted."""
        return self._events[self._index(version) :]

    def snapshot(self, version: int) -> Snapshot:
        """Return the state as of a resourceVersion; the caller checks that it was not compacted."""
        since = self.events_after(version)
        if since:
            return self._past.get(since[0].version) or self._undo(since)
        if self._current is None:
            self._current = Snapshot(keys=self._keys.copy(), entries=[self.entries[key] for key in self._keys])
        return self._current

    def compact(self) -> None:
        """Forget all history."""
        self._events.clear()
        self._past.clear()

    def _index(self, version: int) -> int:
        return bisect_right(self._events, version, key=lambda event: event.version)

    def _undo(self, since: list[Event]) -> Snapshot:
        entries = self.entries.copy()
        for event in reversed(since):
            if event.previous is None:
                del entries[event.entry.key]
            else:
                entries[event.entry.key] = event.previous
        keys = sorted(entries)
        snapshot = Snapshot(keys=keys, entries=[entries[key] for key in keys])
        self._remember(since[0].version, snapshot)
        return snapshot

    def _remember(self, until: int, snapshot: Snapshot) -> None:
        """Keep the state that ended with the change of this resourceVersion."""
        self._past[until] = snapshot
        if len(self._past) > _PAST_STATES:
            del self._past[next(iter(self._past))]
