"""Objects of a name at a time, by the functions that go back in history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import errors, sql

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.postgres import changed


class Known(NamedTuple):
    """An object that is there, or was."""

    namespace: str | None
    uid: str
    ended: datetime | None
    """When a sync proved it gone, for the last time; None: it is there."""


_KNOWN: Final = """
SELECT it.namespace, it.uid, CASE WHEN NOT bool_or(it.live) THEN max(it.at) END
FROM (
    SELECT o.namespace, o.uid, o.deleted_at IS NULL AS live, o.deleted_at AS at FROM {objects} AS o
    WHERE o.context_name = %(context)s AND o.resource = %(resource)s AND o.name = %(name)s
    UNION ALL
    SELECT h.namespace, h.uid, false, h.at FROM {history} AS h
    WHERE h.context_name = %(context)s AND h.resource = %(resource)s AND h.name = %(name)s
) AS it
GROUP BY it.namespace, it.uid ORDER BY 3 DESC NULLS FIRST, 1
"""


def known(conn: psycopg.Connection, schema: str, context: str, resource: str, name: str) -> list[Known]:
    """List the objects that have a name, and those that had it: the newest first.

    :raises UsageError: when the schema's name cannot be used.
    :raises DatabaseError: when they cannot be read.
    """
    query = sql.SQL(_KNOWN).format(
        objects=sql.Identifier(schema, "k8s_objects"), history=sql.Identifier(schema, "k8s_history")
    )
    with changed.reading(conn, schema, "k8s_history") as cursor:
        found = cursor.execute(query, {"context": context, "resource": resource, "name": name})
        return [Known._make(row) for row in found]


def row(
    conn: psycopg.Connection, schema: str, context: str, resource: str, uids: Sequence[str], at: datetime | None
) -> dict[str, Any] | None:
    """Return the row of the object that was there at a time; None: none of them was.

    :param uids: those of one name; one at most is there at a time.
    :param at: the time; None: now.
    :raises DatabaseError: when that is not known, or cannot be read.
    """
    query = sql.SQL("SELECT {}(%s, %s, %s, coalesce(%s, now()))").format(sql.Identifier(schema, "k8s_row_at"))
    try:
        with changed.reading(conn, schema, "k8s_history") as cursor:
            for uid in uids:
                found = cursor.execute(query, [context, resource, uid, at]).fetchone()
                if found and found[0] is not None:
                    told: dict[str, Any] = found[0]
                    return told
    except DatabaseError as error:
        if isinstance(error.__cause__, (errors.InvalidParameterValue, errors.NoDataFound)):
            raise DatabaseError(error.__cause__.diag.message_primary or str(error)) from error
        raise
    return None
