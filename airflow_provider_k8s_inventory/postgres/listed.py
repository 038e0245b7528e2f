"""The metadata of a scope's objects, as a complete list gave them.

Uid and resourceVersion tell which rows differ. The metadata are in a temporary table, where PostgreSQL compares them,
so memory does not grow with the scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.model import Seen
from airflow_provider_k8s_inventory.postgres.target import CLUSTER_UID, Target

LISTED: Final = sql.Identifier("pg_temp", "k8s_listed")

_DIFFERING: Final = sql.SQL("""
SELECT s.uid, s.namespace, s.name, s.resource_version
FROM {listed} AS s LEFT JOIN {table} AS t ON {same}
WHERE t.uid IS NULL OR t.deleted_at IS NOT NULL OR {otherwise}
    OR (t.resource_version, t.cluster_uid) IS DISTINCT FROM (s.resource_version, {cluster_uid})
LIMIT %(limit)s
""")


def start(cursor: psycopg.Cursor[Any]) -> None:
    """Make an empty table; PostgreSQL drops it with the transaction."""
    cursor.execute("DROP TABLE IF EXISTS pg_temp.k8s_listed")
    cursor.execute(
        "CREATE TEMPORARY TABLE k8s_listed (uid text, namespace text, name text, resource_version text) ON COMMIT DROP"
    )


def add(cursor: psycopg.Cursor[Any], objects: Iterable[Seen]) -> None:
    """Add objects that the cluster has."""
    statement = sql.SQL("COPY {} (uid, namespace, name, resource_version) FROM STDIN").format(LISTED)
    with cursor.copy(statement) as copy:
        for seen in objects:
            copy.write_row(seen)


def discard(cursor: psycopg.Cursor[Any], uids: Sequence[str]) -> None:
    """Forget objects: they vanished since."""
    cursor.execute(sql.SQL("DELETE FROM {} WHERE uid = ANY(%s)").format(LISTED), [list(uids)])


def repeats(cursor: psycopg.Cursor[Any]) -> bool:
    """Tell if an object was listed more than once."""
    query = sql.SQL("SELECT count(*) > count(DISTINCT uid) FROM {}").format(LISTED)
    return cursor.execute(query).fetchone() == (True,)


def differing(
    cursor: psycopg.Cursor[Any], target: Target, cluster_uid: str | None, limit: int, *, keep_uid: bool
) -> list[Seen]:
    """Find the objects whose rows are missing, marked as deleted, or of another resourceVersion.

    :param limit: how many to return at most.
    :param keep_uid: let a row keep its cluster_uid when there is none now.
    """
    cursor.execute(
        _DIFFERING.format(
            listed=LISTED,
            table=target.name,
            same=target.same,
            otherwise=target.otherwise("t"),
            cluster_uid=CLUSTER_UID,
        ),
        target.parameters | {"cluster_uid": cluster_uid, "keep_uid": keep_uid, "limit": limit},
    )
    return [Seen(*row) for row in cursor.fetchall()]
