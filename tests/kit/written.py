"""Rows and their history, written by a test as a sync would write them, at times in the past."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from tests.kit.inventory import Inventory

BEGAN: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)
"""When the first sync ended."""
_APART: Final = ("context_name", "uid", "object", "first_seen_at", "changed_at", "deleted_at", "synced_at")


def minute(number: float) -> datetime:
    """The time so many minutes after the first sync."""
    return BEGAN + timedelta(minutes=number)


class Written:
    """The rows of one resource in one context.

    :param resource: one with a table of its own.
    :param generated: the columns that PostgreSQL keeps up.
    """

    def __init__(
        self, inventory: Inventory, resource: str = "pods", context: str = "dev", generated: tuple[str, ...] = ()
    ) -> None:
        self._inventory = inventory
        self.resource = resource
        self.context = context
        self._table = f"k8s_{resource}"
        self._generated = generated

    def scope(self, *, since: float | None = 0, until: float = 10_000, namespaces: list[str] | None = None) -> Written:
        """Let the scope have been synced, its history being kept since a minute, or not at all."""
        self._inventory.query(
            "INSERT INTO k8s_scopes (context_name, resource, selection, namespaces, first_synced_at, last_success_at,"
            " last_success_began_at, history_since, last_status, last_finished_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'success', %s)",
            self.context,
            self.resource,
            ", ".join(namespaces or ()),
            namespaces,
            BEGAN,
            minute(until),
            minute(until),
            None if since is None else minute(since),
            minute(until),
        )
        return self

    def put(self, uid: str, at: float, object: Any = None, **columns: Any) -> None:
        """Write an object as a sync found it at a minute; at minute 0, it is the first sync."""
        old = self.row(uid)
        data = columns | {"object": object, "changed_at": minute(at).isoformat(), "deleted_at": None}
        if old is None:
            data |= {"uid": uid, "context_name": self.context, "first_seen_at": minute(at).isoformat()}
            data = {"name": f"name-of-{uid}", "labels": {}, "annotations": {}} | data
            self._insert(data)
            if at:
                self._note(uid, at, self._came(data["name"]), data)
        else:
            self._update(uid, data)
            new = self.row(uid) or {}
            if old["deleted_at"]:
                self._note(uid, at, "recreated", new)
            else:
                names = [name for name in old if name not in (*_APART, *self._generated) and old[name] != new[name]]
                steps = list(reverse(new["object"], old["object"]))
                self._note(uid, at, "updated", old, {name: old[name] for name in names}, steps or None)

    def remove(self, uid: str, at: float, change: str = "deleted", *, mark: bool = False) -> None:
        """Let a sync find at a minute that an object is gone."""
        old = self.row(uid)
        assert old is not None
        whole = {name: value for name, value in old.items() if name != "object"}
        self._note(uid, at, change, old, whole, None if old["object"] is None else [[[], old["object"]]])
        if mark:
            self._update(uid, {"deleted_at": minute(at).isoformat(), "changed_at": minute(at).isoformat()})
        else:
            self._inventory.query(f"DELETE FROM {self._table} WHERE context_name = %s AND uid = %s", self.context, uid)

    def row(self, uid: str) -> dict[str, Any] | None:
        """The row of an object as JSON."""
        found = self._inventory.query(
            f"SELECT to_jsonb(t) AS row FROM {self._table} AS t WHERE context_name = %s AND uid = %s",
            self.context,
            uid,
        )
        return found[0]["row"] if found else None

    def live(self) -> dict[str, dict[str, Any]]:
        """All rows that are not marked, as JSON, by uid."""
        return by_uid(
            self._inventory.query(
                f"SELECT to_jsonb(t) AS row FROM {self._table} AS t WHERE context_name = %s AND deleted_at IS NULL",
                self.context,
            )
        )

    def at(self, time: datetime) -> dict[str, dict[str, Any]]:
        """All rows at a time, as JSON, by uid."""
        query = f"SELECT to_jsonb(t) AS row FROM {self._table}_at(%s, %s) AS t"
        return by_uid(self._inventory.query(query, time, self.context))

    def _came(self, name: str) -> str:
        gone = self._inventory.query(
            "SELECT id FROM k8s_history WHERE context_name = %s AND resource = %s AND name = %s AND change = 'deleted'",
            self.context,
            self.resource,
            name,
        )
        return "recreated" if gone else "created"

    def _insert(self, data: Mapping[str, Any]) -> None:
        names = ", ".join(name for name in data if name not in self._generated)
        self._inventory.query(
            f"INSERT INTO {self._table} ({names}) SELECT {names}"
            f" FROM jsonb_populate_record(NULL::{self._table}, %s) AS t",
            Jsonb(data),
        )

    def _update(self, uid: str, data: Mapping[str, Any]) -> None:
        sets = ", ".join(f"{name} = new.{name}" for name in data)
        self._inventory.query(
            f"UPDATE {self._table} AS t SET {sets} FROM jsonb_populate_record(NULL::{self._table}, %s) AS new"
            " WHERE t.context_name = %s AND t.uid = %s",
            Jsonb(data),
            self.context,
            uid,
        )

    def _note(
        self,
        uid: str,
        at: float,
        change: str,
        row: Mapping[str, Any],
        columns: Mapping[str, Any] | None = None,
        patch: list[Any] | None = None,
    ) -> None:
        self._inventory.query(
            "INSERT INTO k8s_history (context_name, resource, uid, namespace, name, change, before_at, at, changed_at,"
            " columns, patch, summary, sync_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1)",
            self.context,
            self.resource,
            uid,
            row.get("namespace"),
            row["name"],
            change,
            minute(at - 1),
            minute(at),
            None if columns is None else row["changed_at"],
            None if columns is None else Jsonb(columns),
            None if patch is None else Jsonb(patch),
            f"{change} at {at:g}",
        )


def by_uid(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows as JSON by their uid; each is there once."""
    found = {row["row"]["uid"]: row["row"] for row in rows}
    assert len(found) == len(rows)
    return found


def reverse(new: Any, old: Any, path: tuple[str | int, ...] = ()) -> Iterator[list[Any]]:
    """The steps from the new value to the old one."""
    if json.dumps(new, sort_keys=True) == json.dumps(old, sort_keys=True):
        return
    if isinstance(new, dict) and isinstance(old, dict):
        yield from ([[*path, name]] for name in new if name not in old)
        yield from ([[*path, name], old[name]] for name in old if name not in new)
        for name in new.keys() & old.keys():
            yield from reverse(new[name], old[name], (*path, name))
    elif isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        for place, each in enumerate(zip(new, old, strict=True)):
            yield from reverse(*each, (*path, place))
    else:
        yield [list(path), old]
