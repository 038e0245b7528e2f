"""Read which resources the inventory knows of, from its rows and scopes, where a cluster no longer says so."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import Resource, Scope
from airflow_provider_k8s_inventory.postgres import explaining, sessions
from airflow_provider_k8s_inventory.selectors import NAMESPACE

_KNOWN: Final = """
SELECT resource, kind, '{{}}'::text[] FROM {custom}
UNION SELECT plural || '.' || group_name, kind, short_names FROM {crds}
UNION SELECT resource, '', '{{}}' FROM {scopes} WHERE last_served_at IS NOT NULL AND resource LIKE %s
"""

_CLUSTER_WIDE: Final = """
SELECT coalesce(
    (SELECT namespace IS NULL FROM {rows} WHERE context_name = %(context)s AND resource = %(resource)s LIMIT 1),
    (SELECT scope = 'Cluster' FROM {crds} WHERE context_name = %(context)s AND name = %(resource)s LIMIT 1),
    (SELECT bool_and(namespaces IS NULL) FROM {scopes}
        WHERE context_name = %(context)s AND resource = %(resource)s AND last_served_at IS NOT NULL)
)
"""


def stored(conn: psycopg.Connection, schema: str, context_name: str) -> list[str]:
    """List the canonical names of the resources that a context has rows of.

    :raises psycopg.Error: when that cannot be read.
    """
    query = sql.SQL(
        "SELECT resource FROM {custom} WHERE context_name = %(context)s"
        " UNION SELECT resource FROM {scopes} WHERE context_name = %(context)s AND rows > 0 ORDER BY resource"
    ).format(custom=sql.Identifier(schema, "k8s_custom_resources"), scopes=sql.Identifier(schema, "k8s_scopes"))
    with sessions.transaction(conn) as cursor:
        return [row[0] for row in cursor.execute(query, {"context": context_name}).fetchall()]


def namespaces(conn: psycopg.Connection, schema: str, context_name: str) -> list[str]:
    """List the namespaces that a context has, or had, by the rows of its namespaces and by the scopes narrowed to some.

    :raises psycopg.Error: when that cannot be read.
    """
    query = sql.SQL(
        "SELECT name FROM {namespaces} WHERE context_name = %(context)s AND name IS NOT NULL"
        " UNION SELECT unnest(namespaces) FROM {scopes}"
        " WHERE context_name = %(context)s AND last_success_at IS NOT NULL ORDER BY 1"
    ).format(namespaces=sql.Identifier(schema, "k8s_namespaces"), scopes=sql.Identifier(schema, "k8s_scopes"))
    with sessions.transaction(conn) as cursor:
        found = [row[0] for row in cursor.execute(query, {"context": context_name}).fetchall()]
    return [name for name in found if NAMESPACE.fullmatch(name)]


def lookup(conn: psycopg.Connection, schema: str, word: str) -> list[Resource]:
    """List the resources that any context had, as far as a name needs them.

    :param word: the name; other scopes are not read.
    :raises psycopg.Error: when the rows cannot be read.
    """
    tables = {"custom": "k8s_custom_resources", "crds": "k8s_crds", "scopes": "k8s_scopes"}
    query = sql.SQL(_KNOWN).format(**{name: sql.Identifier(schema, table) for name, table in tables.items()})
    with sessions.transaction(conn) as cursor:
        rows = cursor.execute(query, [word.replace("%", "").replace("_", r"\_") + ".%"]).fetchall()
    return [_resource(name, kind, short_names) for name, kind, short_names in rows if name]


def synced(conn: psycopg.Connection, schema: str) -> set[str]:
    """List all resources that some context ever served.

    :raises DatabaseError: when the scopes cannot be read.
    """
    query = sql.SQL("SELECT DISTINCT resource FROM {} WHERE last_served_at IS NOT NULL").format(
        sql.Identifier(schema, "k8s_scopes")
    )
    try:
        with sessions.transaction(conn) as cursor:
            return {row[0] for row in cursor.execute(query).fetchall()}
    except psycopg.Error as error:
        raise DatabaseError(f"k8s_scopes cannot be read: {explaining.explain(error)}") from error


def is_cluster_wide(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> bool:
    """Tell if a custom resource is known to be outside of namespaces.

    Its rows tell, or else its definition. Where neither is there, as its labels select nothing, its good syncs do.
    """
    cursor.execute(
        sql.SQL(_CLUSTER_WIDE).format(
            rows=sql.Identifier(schema, "k8s_custom_resources"),
            crds=sql.Identifier(schema, "k8s_crds"),
            scopes=sql.Identifier(schema, "k8s_scopes"),
        ),
        {"context": scope.context_name, "resource": scope.resource},
    )
    return cursor.fetchone() == (True,)


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
