"""Find out by uid and resourceVersion which of a scope's rows differ from the cluster; PostgreSQL compares.

What was found to differ is then loaded by `loading`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.model import Seen
from airflow_provider_k8s_inventory.postgres.statements import CLUSTER_UID, SEEN, Target


def start(cursor: psycopg.Cursor[Any]) -> None:
    """Make an empty temporary table for what the cluster has; PostgreSQL drops it with the transaction."""
    cursor.execute("DROP TABLE IF EXISTS pg_temp.k8s_seen")
    cursor.execute(
        "CREATE TEMPORARY TABLE k8s_seen (uid text, namespace text, name text, resource_version text) ON COMMIT DROP"
    )


def see(cursor: psycopg.Cursor[Any], objects: Iterable[Seen]) -> None:
    """Add objects the cluster has."""
    statement = sql.SQL("COPY {} (uid, namespace, name, resource_version) FROM STDIN").format(SEEN)
    with cursor.copy(statement) as copy:
        for seen in objects:
            copy.write_row(seen)


def duplicated(cursor: psycopg.Cursor[Any]) -> bool:
    """Whether an object was seen more than once."""
    query = sql.SQL("SELECT count(*) > count(DISTINCT uid) FROM {}").format(SEEN)
    return cursor.execute(query).fetchone() == (True,)


def differing(
    cursor: psycopg.Cursor[Any], target: Target, cluster_uid: str | None, limit: int, *, keep_uid: bool
) -> list[Seen]:
    """The objects whose rows are missing, marked as deleted, or of another resourceVersion; at most so many.

    :param keep_uid: as for `loading.merge`.
    """
    cursor.execute(
        sql.SQL(
            "SELECT s.uid, s.namespace, s.name, s.resource_version FROM {seen} AS s"
            " LEFT JOIN {table} AS t ON {same}"
            " WHERE t.uid IS NULL OR t.deleted_at IS NOT NULL OR {otherwise}"
            " OR (t.resource_version, t.cluster_uid) IS DISTINCT FROM (s.resource_version, {cluster_uid})"
            " LIMIT %(limit)s"
        ).format(
            seen=SEEN,
            table=target.name,
            same=target.same,
            otherwise=target.otherwise("t"),
            cluster_uid=CLUSTER_UID,
        ),
        target.parameters | {"cluster_uid": cluster_uid, "keep_uid": keep_uid, "limit": limit},
    )
    return [Seen(*row) for row in cursor.fetchall()]


def unsee(cursor: psycopg.Cursor[Any], uids: Sequence[str]) -> None:
    """Forget objects: they vanished since."""
    cursor.execute(sql.SQL("DELETE FROM {} WHERE uid = ANY(%s)").format(SEEN), [list(uids)])
