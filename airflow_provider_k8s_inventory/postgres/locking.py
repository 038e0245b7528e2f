"""Keep two syncs of the same scope apart, and two migrations of the same schema.

The locks belong to the transaction, not to the session, so that PgBouncer in transaction mode is no obstacle:
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.exceptions import LockedError
from airflow_provider_k8s_inventory.model import Scope


def lock_scope(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> None:
    """Hold the scope until the transaction ends.

    One of all namespaces excludes every other of its context and resource, one of some namespaces those that share one.

    :raises LockedError: when another sync holds it.
    """
    key = f"k8s_inventory/{schema}/{scope.context_name}/{scope.resource}"
    held = _try(cursor, "_shared" if scope.namespaces else "", key)
    # In the order of their names, as two that share several would else each get one and both fail.
    if not held or not all(_try(cursor, "", f"{key}/{namespace}") for namespace in sorted(scope.namespaces)):
        raise LockedError(
            f"another sync of {scope.context_name} · {scope.resource} is running; nothing was changed: "
            "wait for it to end, then run this one again"
        )


def _try(cursor: psycopg.Cursor[Any], kind: LiteralString, key: str) -> bool:
    query = sql.SQL("SELECT pg_try_advisory_xact_lock{}(hashtextextended(%s, 0))").format(sql.SQL(kind))
    return cursor.execute(query, [key]).fetchone() == (True,)


def lock_schema(cursor: psycopg.Cursor[Any], schema: str) -> None:
    """Wait until no other migration of the schema runs, and hold it until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"k8s_inventory/{schema}"])
