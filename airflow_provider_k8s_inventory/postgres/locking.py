"""Keep two syncs of the same scope apart, and two migrations of the same schema.

The locks belong to the transaction, not to the session, so that PgBouncer in transaction mode is no obstacle:
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

from typing import Any

import psycopg

from airflow_provider_k8s_inventory.exceptions import LockedError
from airflow_provider_k8s_inventory.model import Scope


def lock_scope(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> None:
    """Hold the scope until the transaction ends.

    Scopes of one context and resource share the lock, whatever their namespaces.

    :raises LockedError: when another sync holds it.
    """
    key = f"k8s_inventory/{schema}/{scope.context_name}/{scope.resource}"
    cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [key])
    if cursor.fetchone() != (True,):
        raise LockedError(
            f"another sync of {scope.context_name} · {scope.resource} is running; nothing was changed: "
            "wait for it to end, then run this one again"
        )


def lock_schema(cursor: psycopg.Cursor[Any], schema: str) -> None:
    """Wait until no other migration of the schema runs, and hold it until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"k8s_inventory/{schema}"])
