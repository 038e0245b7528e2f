"""Write the history of a scope: what its rows were before a sync changes them, when, by whom, and in words.

It goes by the diff, so all modes write the same. What only rules call a change, such as a heartbeat, is noise: the row
changes, and history does not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
import psycopg

from airflow_provider_k8s_inventory.model import Counts
from airflow_provider_k8s_inventory.postgres import history
from airflow_provider_k8s_inventory.postgres.diff import Difference, Writing
from airflow_provider_k8s_inventory.postgres.history import Created, Entry, Gathered, Updated
from airflow_provider_k8s_inventory.resources.noise import Noise
from airflow_provider_k8s_inventory.sync import managers, patches, wording
from airflow_provider_k8s_inventory.sync.patches import Operation
from airflow_provider_k8s_inventory.sync.threads import thread_pool

_Row = TypeVar("_Row")

_SKEW: Final = timedelta(minutes=5)
"""The time that the clock of an API server may be behind ours; where it is more, nobody is named.

managedFields of objects that changed as long before the last sync are staged for nothing: where these are all of 20,000
pods, a sync that reads them whole takes 1.4 times as long."""
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_Pairs = dict[str, tuple[msgspec.Raw, msgspec.Raw]]
"""The old and the new value of each column that differs, as JSON."""
_PAIR: Final = msgspec.json.Decoder(tuple[msgspec.Raw, msgspec.Raw])


@dataclass(frozen=True, kw_only=True, slots=True)
class Historian:
    """Writes the history of one scope, inside the sync's transaction."""

    on: bool
    """Whether it does."""
    noise: Noise
    resource: str
    """The resource, as history names it."""
    since: datetime | None
    """When the last good sync began that proved the scope's rows; None: there was none, and nobody knows since when its
    objects are there."""
    trusted: bool
    """True where the resourceVersion of an object changes with it, and only then."""

    @property
    def managed_since(self) -> str | None:
        """The time since when managedFields tell who changed an object; None: they are not needed."""
        return (self.since.astimezone(UTC) - _SKEW).strftime(_TIME) if self.on and self.since else None

    @property
    def managed(self) -> bool:
        """Tell if managedFields are needed."""
        return self.managed_since is not None

    def gather(self, cursor: psycopg.Cursor[Any], writing: Writing, difference: Difference, *, managed: bool) -> None:
        """Gather what is to change, before it does.

        :param managed: whether managedFields are staged.
        """
        if not self.on or not difference.counts.written:
            return
        history.start(cursor)
        if difference.deletes or difference.unselects:
            history.gather_removed(cursor, writing, difference.at)
        if difference.updates:
            if self.trusted:
                history.gather_remade(cursor, writing)
            updated = history.updated(cursor, writing, managed=managed, remade=self.trusted)
            _gather(cursor, updated, lambda row: self._updated(row, difference.at))
        if (difference.inserts and self.since) or difference.restores:
            created = history.created(cursor, writing, self.resource, managed=managed)
            _gather(cursor, created, lambda row: _created(row, difference.at))

    def gathered(self, cursor: psycopg.Cursor[Any], counts: Counts) -> Gathered:
        """Count what was gathered of rows that were written."""
        return history.gathered(cursor) if self.on and counts.written else Gathered()

    def omits(self, counts: Counts) -> bool:
        """Tell if rows were written without history: none is kept, or nobody knows since when new objects are there."""
        return bool(counts.written) if not self.on else bool(counts.inserted and not self.since)

    def _updated(self, row: Updated, at: datetime) -> Entry:
        columns = {name: _PAIR.decode(pair) for name, pair in row.columns.items()}
        steps = patches.reverse(row.new.encode(), row.old.encode()) if row.new and row.old else []
        meaningful = self._meaningful(row, columns, steps)
        if meaningful is None:
            return Entry(row.uid, row.namespace, row.name, row.cluster_uid, history.NOISE, at)
        told = {
            name: (msgspec.json.decode(old), msgspec.json.decode(new))
            for name, (old, new) in columns.items()
            if name not in wording.BESIDE and not self._hides(name, old, new)
        }
        return Entry(
            row.uid,
            row.namespace,
            row.name,
            row.cluster_uid,
            "updated",
            at,
            row.changed_at,
            _changer(row, meaningful),
            msgspec.json.encode({name: old for name, (old, _) in columns.items()}).decode(),
            _patch(row, steps),
            wording.summary(told, meaningful),
        )

    def _meaningful(self, row: Updated, columns: _Pairs, steps: list[Operation]) -> list[Operation] | None:
        """List the steps that no rule hides; None: the whole change is noise."""
        if "cluster_uid" not in columns and self.noise.hides_object(row.name, row.namespace):
            return None
        meaningful = [step for step in steps if not self.noise.hides(step.path)]
        # Columns may tell of what is not stored: the digests of a config map's values.
        hidden = not meaningful and all(self._hides(name, *pair) for name, pair in columns.items())
        return None if hidden else meaningful

    def _hides(self, column: str, old: msgspec.Raw, new: msgspec.Raw) -> bool:
        """Tell if what differs in a column is noise."""
        if self.noise.hides_column(column):
            return True
        place = self.noise.copies.get(column)
        if place is None or not self.noise.hides_some_of(place):
            return False
        return all(self.noise.hides((*place, *step.path)) for step in patches.reverse(bytes(new), bytes(old)))


def _gather(
    cursor: psycopg.Cursor[Any],
    reading: AbstractContextManager[Callable[[], list[_Row]]],
    make: Callable[[_Row], Entry],
) -> None:
    """Gather what is made of rows, while PostgreSQL finds the next ones.

    Both take as long: 2.2 s each for 20,000 pods that all changed.
    """
    with reading as fetch, thread_pool(1, "k8s-inventory-history") as pool:
        rows = fetch()
        while rows:
            coming = pool.submit(fetch)
            entries = list(map(make, rows))
            rows = coming.result()
            history.gather(cursor, entries)


def _created(row: Created, at: datetime) -> Entry:
    made = row.created_at.astimezone(UTC).strftime(_TIME) if row.created_at else None
    return Entry(
        row.uid,
        row.namespace,
        row.name,
        row.cluster_uid,
        "recreated" if row.again else "created",
        at,
        changed_by=managers.creator(managers.read(row.managed), made),
        summary=wording.of_images(row.images),
    )


def _changer(row: Updated, steps: list[Operation]) -> str | None:
    entries = managers.read(row.managed)
    paths = [step.path for step in steps]
    # Only an item of a list needs the object: managers know it by its keys, and paths by its place.
    needed = entries and row.new and any(isinstance(step, int) for path in paths for step in path)
    return managers.changer(entries, paths, msgspec.json.decode(row.new) if needed and row.new else None)


def _patch(row: Updated, steps: list[Operation]) -> str | None:
    """Return the patch from the new object to the old one; None: they are the same."""
    if row.new and row.old:
        return patches.encode(steps) if steps else None
    if row.new == row.old:
        return None
    # One of them was not stored, as store_object was changed in between.
    whole: list[Any] = [[]] if row.old is None else [[], msgspec.Raw(row.old.encode())]
    return msgspec.json.encode([whole]).decode()
