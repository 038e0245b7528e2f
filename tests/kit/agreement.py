"""One cluster synced in every mode, each into a schema of its own, and compared with a fresh full sync into another.

What happens to the cluster in between is in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, Self

import psycopg
import pytest
from psycopg import sql

from airflow_provider_k8s_inventory.model import Selection, SyncReport
from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.kit.interrupted import Interrupted
from tests.kit.inventory import Inventory, Row
from tests.kit.past import Past, Rows
from tests.kit.syncer import Syncer

MODES: Final = ("full", "metadata", "delta")
"""Each has a schema of its name, that is synced in no other mode."""
EVERY_MODE = pytest.mark.parametrize("mode", MODES, indirect=True)
"""For tests of the fixture `inventory` that are the same however it reads."""
MIXED: Final = "mixed"
"""A schema that is synced in any."""
FRESH: Final = "fresh"
SCHEMAS: Final = (*MODES, MIXED, FRESH)
OF_THE_TIME: Final = ("first_seen_at", "changed_at", "deleted_at")
"""The columns that tell when something was written; everything else must be the same."""


class Agreement:
    """The schemas of one database, and the cluster they are filled from."""

    def __init__(self, sync: Syncer) -> None:
        self._sync = sync
        with psycopg.connect(sync.dsn, autocommit=True) as conn:
            for schema in SCHEMAS:
                conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
                migrate(conn, schema=schema)
        self._inventories = {schema: Inventory(sync.dsn, schema) for schema in SCHEMAS}
        self._remembered: list[tuple[str, str, datetime, tuple[str, ...], Rows]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for inventory in self._inventories.values():
            inventory.conn.close()

    def forget(self, *schemas: str) -> None:
        """Empty the tables and the ledger of some schemas, or of all."""
        for schema in schemas or SCHEMAS:
            self._inventories[schema].empty()
        self._remembered = [each for each in self._remembered if each[0] not in (schemas or SCHEMAS)]

    def sync(
        self,
        schema: str,
        resource: str,
        *,
        mode: str | None = None,
        disturbed: Callable[[psycopg.Connection], object] | None = None,
        **settings: Any,
    ) -> SyncReport:
        """Sync a scope into a schema.

        :param mode: the mode; None: the one the schema has its name of.
        :param disturbed: what happens before every request of it.
        """
        settings |= {"schema": schema, "mode": mode or schema}
        if not disturbed:
            return self._sync(resource, **settings)
        with psycopg.connect(self._sync.dsn) as conn:
            client = Interrupted(self._sync.client().context, "", partial(disturbed, conn), times=1000)
            return self._sync(resource, client=client, conn=conn, **settings)

    def fresh(self, resource: str, **settings: Any) -> SyncReport:
        """Sync a scope whole, into a schema that has nothing in it yet."""
        self.forget(FRESH)
        return self._sync(resource, schema=FRESH, mode="full", **settings)

    def remember(self, schema: str, resource: str, namespaces: tuple[str, ...]) -> None:
        """Remember the rows of a scope as a sync just left them."""
        past, table = self._past(schema, resource)
        rows = within(past.now(table, "dev", resource), namespaces)
        self._remembered.append((schema, resource, past.time(), namespaces, rows))

    def check_past(self, *, but_for: tuple[str, ...]) -> None:
        """Compare what history says of every time that is remembered with what there was.

        :param but_for: columns that need not be the same.
        """
        for schema, resource, time, namespaces, rows in self._remembered:
            past, table = self._past(schema, resource)
            found = within(past.at(time, table, "dev", resource), namespaces)
            compare(found, rows, but_for, f"{schema} {resource} {time}")
            asked = past.asked(time, table, "dev", resource)
            if asked is not None:
                compare(within(asked, namespaces), rows, but_for, f"asked, {schema} {resource} {time}")

    def _past(self, schema: str, resource: str) -> tuple[Past, str]:
        table = "k8s_pods" if resource == "pods" else "k8s_custom_resources"
        return Past(self._inventories[schema], schema), table

    def terminate(self, conn: psycopg.Connection) -> None:
        """Let the server end another connection."""
        self._inventories[FRESH].query("SELECT pg_terminate_backend(%s, 10000)", conn.info.backend_pid)

    def rows(self, schema: str, resource: str, namespaces: tuple[str, ...] = ()) -> dict[str, Row]:
        """The rows of a scope that have no mark, by uid, and but for when they were written.

        :param namespaces: names, globs and exclusions; empty: all.
        """
        pattern = re.compile(Selection(namespaces=namespaces).namespace_pattern or ".*")
        found = self._inventories[schema].by_uid(resource)
        return {
            uid: {name: value for name, value in row.items() if name not in OF_THE_TIME}
            for uid, row in found.items()
            if row["deleted_at"] is None and pattern.fullmatch(row["namespace"] or "")
        }


def within(rows: Rows, namespaces: tuple[str, ...]) -> Rows:
    """Those of some namespaces."""
    pattern = re.compile(Selection(namespaces=namespaces).namespace_pattern or ".*")
    return {uid: row for uid, row in rows.items() if pattern.fullmatch(row["namespace"] or "")}


def compare(found: Rows, wanted: Rows, but_for: tuple[str, ...], what: str) -> None:
    """Check that rows are the same, and say what differs.

    :param but_for: columns that need not be the same.
    """
    assert found.keys() == wanted.keys(), what
    for uid, row in wanted.items():
        differing = {
            name: (found[uid].get(name), row.get(name))
            for name in (found[uid].keys() | row.keys()) - {*but_for}
            if found[uid].get(name) != row.get(name)
        }
        assert not differing, f"{what}: {row['name']}: {differing}"
