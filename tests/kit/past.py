"""What history says was there at a time, by the words of its description, and by nothing of the code that writes it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from psycopg import errors

from tests.kit.inventory import Inventory

Rows = dict[str, dict[str, Any]]
"""Live rows of a table as JSON, by uid."""


class Past:
    """The tables of one schema, now and before."""

    def __init__(self, inventory: Inventory, schema: str) -> None:
        self._inventory = inventory
        self._schema = schema

    def time(self) -> datetime:
        """The time that PostgreSQL has."""
        (row,) = self._inventory.query("SELECT clock_timestamp() AS time")
        found: datetime = row["time"]
        return found

    def now(self, table: str, context: str, resource: str) -> Rows:
        """The live rows of a resource."""
        which = "AND t.resource = %s" if table == "k8s_custom_resources" else "AND %s <> ''"
        found = self._inventory.query(
            f'SELECT to_jsonb(t) AS row FROM "{self._schema}".{table} AS t'
            f" WHERE context_name = %s AND deleted_at IS NULL {which}",
            context,
            resource,
        )
        return {row["row"]["uid"]: row["row"] for row in found}

    def at(self, time: datetime, table: str, context: str, resource: str) -> Rows:
        """The rows of a resource that were live at a time."""
        rows = self.now(table, context, resource)
        changes = self._inventory.query(
            f'SELECT * FROM "{self._schema}".k8s_history WHERE context_name = %s AND resource = %s AND at > %s'
            " ORDER BY id DESC",
            context,
            resource,
            time,
        )
        for change in changes:
            undo(rows, change)
        return {uid: row for uid, row in rows.items() if datetime.fromisoformat(row["first_seen_at"]) <= time}

    def asked(self, time: datetime, table: str, context: str, resource: str) -> Rows | None:
        """The same as the function of the table tells it; None: it says that this is not known."""
        which = "WHERE t.resource = %s" if table == "k8s_custom_resources" else "WHERE %s <> ''"
        try:
            found = self._inventory.query(
                f'SELECT to_jsonb(t) AS row FROM "{self._schema}".{table}_at(%s, %s) AS t {which}',
                time,
                context,
                resource,
            )
        except errors.InvalidParameterValue as error:
            if "known since" in str(error):
                return None
            raise
        return {row["row"]["uid"]: row["row"] for row in found}


def undo(rows: Rows, change: dict[str, Any]) -> None:
    """Take one change back."""
    uid = change["uid"]
    if change["change"] in ("created", "recreated"):
        rows.pop(uid, None)
    elif change["change"] in ("deleted", "unselected"):
        rows[uid] = {"object": None, **change["columns"]}
        undo_steps(rows[uid], change["patch"])
    else:
        # PostgreSQL writes no zeros at the end of a fraction.
        changed_at = re.sub(r"(\.\d*?)0+\+", r"\1+", change["changed_at"].isoformat())
        rows[uid] |= change["columns"] | {"changed_at": changed_at}
        undo_steps(rows[uid], change["patch"])


def undo_steps(row: dict[str, Any], steps: list[list[Any]] | None) -> None:
    """Take the steps of a patch."""
    for path, *old in steps or ():
        if row["object"] is None and path:
            continue  # the object was stored then, and is not now
        place: Any = row
        steps_down: list[Any] = ["object", *path]
        last = steps_down.pop()
        for step in steps_down:
            place = place[step]
        if old:
            place[last] = old[0]
        else:
            del place[last]
