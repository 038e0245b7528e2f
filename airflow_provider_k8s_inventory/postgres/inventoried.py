"""Read which resources the inventory knows of, from its rows and from the ledger, where a cluster no longer says so."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import Resource
from airflow_provider_k8s_inventory.postgres import explaining, sessions

_KNOWN: Final = """
SELECT resource, kind, '{{}}'::text[] FROM {custom}
UNION SELECT plural || '.' || group_name, kind, short_names FROM {crds}
UNION SELECT resource, '', '{{}}' FROM {ledger} WHERE status = 'success' AND resource LIKE %s
"""


def stored(conn: psycopg.Connection, schema: str, context_name: str) -> list[str]:
    """List the full names of the resources that a context has rows of in the table of many resources.

    :raises psycopg.Error: when the rows cannot be read.
    """
    query = sql.SQL("SELECT DISTINCT resource FROM {} WHERE context_name = %s ORDER BY resource").format(
        sql.Identifier(schema, "k8s_custom_resources")
    )
    with sessions.transaction(conn) as cursor:
        return [row[0] for row in cursor.execute(query, [context_name]).fetchall()]


def lookup(conn: psycopg.Connection, schema: str, word: str) -> list[Resource]:
    """List the resources that any context had, as far as a name needs them.

    :param word: the name; the ledger's lines of others are not read.
    :raises psycopg.Error: when the rows cannot be read.
    """
    tables = {"custom": "k8s_custom_resources", "crds": "k8s_crds", "ledger": "k8s_syncs"}
    query = sql.SQL(_KNOWN).format(**{name: sql.Identifier(schema, table) for name, table in tables.items()})
    with sessions.transaction(conn) as cursor:
        rows = cursor.execute(query, [word.replace("%", "").replace("_", r"\_") + ".%"]).fetchall()
    return [_resource(name, kind, short_names) for name, kind, short_names in rows if name]


def synced(conn: psycopg.Connection, schema: str) -> set[str]:
    """List all resources that some context was ever read of, as far as the ledger reaches back.

    :raises DatabaseError: when the ledger cannot be read.
    """
    query = sql.SQL("SELECT DISTINCT resource FROM {} WHERE status = 'success'").format(
        sql.Identifier(schema, "k8s_syncs")
    )
    try:
        with sessions.transaction(conn) as cursor:
            return {row[0] for row in cursor.execute(query).fetchall()}
    except psycopg.Error as error:
        raise DatabaseError(f"the ledger cannot be read: {explaining.explain(error)}") from error


def _resource(name: str, kind: str | None, short_names: list[str] | None) -> Resource:
    plural, _, group = name.partition(".")
    return Resource(
        group=group,
        version="",
        plural=plural,
        kind=kind or "",
        namespaced=True,
        singular=(kind or "").lower(),
        short_names=tuple(short_names or ()),
    )
