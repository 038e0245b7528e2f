"""Keep two syncs of the same scope apart, and two migrations of the same schema.

The locks belong to the transaction, not to the session, so that PgBouncer in transaction mode is no obstacle:
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.exceptions import LockedError
from airflow_provider_k8s_inventory.model import Scope

# Whatever a schema of the users has under these names: pg_catalog's are meant.
_KEY: Final = sql.SQL("pg_catalog.hashtextextended(%(key)s::text, 0::bigint)")

_PRUNED: Final = sql.SQL("pg_catalog.hashtextextended(%(pruned)s::text, 0::bigint)")

_MANY: Final = 50
"""Of more namespaces a scope locks the whole resource: by default all sessions of a server share 6,400 locks, and the
next one that needs a lock fails, whoever it is:
https://www.postgresql.org/docs/current/runtime-config-locks.html#GUC-MAX-LOCKS-PER-TRANSACTION"""

_SESSION: Final = """
SELECT format('PostgreSQL session %%s of %%s (user %%s) %%s%%s', l.pid,
        coalesce(nullif(a.application_name, ''), 'an unnamed client'), coalesce(a.usename::text, 'unknown'),
        coalesce('at ' || host(a.client_addr), 'on the server itself or of another user'),
        to_char(a.xact_start AT TIME ZONE 'UTC', '", since" YYYY-MM-DD HH24:MI:SS "UTC"')),
    l.pid
FROM pg_catalog.pg_locks AS l LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.granted AND l.pid <> pg_backend_pid() AND {}
ORDER BY a.xact_start NULLS LAST LIMIT 1
"""
"""The session that holds a lock. PostgreSQL shows address and time of other users to pg_read_all_stats only."""

_ADVISORY: Final = sql.SQL(
    "l.locktype = 'advisory' AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
    " AND (l.classid::bigint << 32 | l.objid::bigint) = {}"
).format(_KEY)
"""How pg_locks shows the key of an advisory lock: https://www.postgresql.org/docs/current/view-pg-locks.html"""

_RELATIONS: Final = sql.SQL("l.relation = ANY(SELECT to_regclass(name)::oid FROM unnest(%(names)s::text[]) AS name)")


def lock_scope(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> None:
    """Hold the scope until the transaction ends.

    One of all namespaces, of a glob of them, or of many, excludes every other of its context and resource; one of some
    namespaces those that share one.

    :raises LockedError: when another sync holds it; the message names its session.
    """
    if not runs_beside_others(scope):
        lock_resource(cursor, schema, scope)
        return
    key = _key(schema, scope)
    _hold(cursor, schema, "_shared", key, scope)
    # In the order of their names, as two that share several would else each get one and both fail.
    for namespace in scope.selection.namespaces:
        _hold(cursor, schema, "", f"{key}/{namespace}", scope)


def runs_beside_others(scope: Scope) -> bool:
    """Tell if `lock_scope` lets other scopes of the same context and resource be synced meanwhile."""
    selection = scope.selection
    return 0 < len(selection.namespaces) <= _MANY and not selection.is_open


def lock_ending(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> None:
    """Wait until no other scope of the context and resource is about to be committed, and be the one that is.

    What the others have committed is seen from then on.

    :raises psycopg.errors.LockNotAvailable: when that takes longer than `lock_timeout`.
    """
    # No namespace has an empty name.
    wait_for(cursor, f"{_key(schema, scope)}//ending")


def lock_resource(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> None:
    """Hold all scopes of a scope's context and resource until the transaction ends.

    :raises LockedError: as `lock_scope`.
    """
    _hold(cursor, schema, "", _key(schema, scope), scope)


def _key(schema: str, scope: Scope) -> str:
    return f"k8s_inventory/{schema}/{scope.context_name}/{scope.resource}"


def _pruned(schema: str, scope: Scope) -> str:
    return f"{_key(schema, scope)} pruned"


def _hold(cursor: psycopg.Cursor[Any], schema: str, kind: LiteralString, key: str, scope: Scope) -> None:
    # Whoever prunes lets us wait for a moment, and is no other sync.
    query = sql.SQL(
        "SELECT pg_catalog.pg_try_advisory_xact_lock{}({}) FROM pg_catalog.pg_advisory_xact_lock_shared({})"
    ).format(sql.SQL(kind), _KEY, _PRUNED)
    if cursor.execute(query, {"key": key, "pruned": _pruned(schema, scope)}).fetchone() != (True,):
        holder = _session(cursor, _ADVISORY, {"key": key})
        end = f" (if its worker is gone, end it: SELECT pg_terminate_backend({holder[1]}))" if holder else ""
        raise LockedError(
            f"another sync of {scope.context_name} · {scope.resource} is running"
            f"{f' in {holder[0]}' if holder else ''}; nothing was changed: "
            f"wait for it to end, then run this one again{end}"
        )


def try_to_prune(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> bool:
    """Keep syncs of a scope's context and resource waiting until the transaction ends, unless one is running.

    They do wait, and do not fail as they would behind another sync: it must be for a moment only.
    """
    return try_for(cursor, _pruned(schema, scope))


def try_for(cursor: psycopg.Cursor[Any], key: str) -> bool:
    """Hold a key until the transaction ends, unless somebody else does."""
    query = sql.SQL("SELECT pg_catalog.pg_try_advisory_xact_lock({})").format(_KEY)
    return cursor.execute(query, {"key": key}).fetchone() == (True,)


def lock_schema(cursor: psycopg.Cursor[Any], schema: str) -> None:
    """Wait until no other migration of the schema runs, and hold it until the transaction ends.

    :raises psycopg.errors.LockNotAvailable: when that takes longer than `lock_timeout`.
    """
    wait_for(cursor, f"k8s_inventory/{schema}")


def wait_for(cursor: psycopg.Cursor[Any], key: str) -> None:
    """Wait until nobody else holds a key, and hold it until the transaction ends.

    :raises psycopg.errors.LockNotAvailable: when that takes longer than `lock_timeout`.
    """
    query = sql.SQL("SELECT pg_catalog.pg_advisory_xact_lock({})").format(_KEY)
    cursor.execute(query, {"key": key})


def schema_holder(cursor: psycopg.Cursor[Any], schema: str, relations: list[str]) -> str | None:
    """Name the session that migrates the schema, or else has used its tables for the longest time; None: none any more.

    :param relations: the qualified names of the tables.
    """
    found = _session(cursor, _ADVISORY, {"key": f"k8s_inventory/{schema}"}) or _session(
        cursor, _RELATIONS, {"names": relations}
    )
    return found[0] if found else None


def _session(
    cursor: psycopg.Cursor[Any], condition: sql.Composable, parameters: dict[str, Any]
) -> tuple[str, int] | None:
    return cursor.execute(sql.SQL(_SESSION).format(condition), parameters).fetchone()
