"""The rights that we have in a database. Its catalogue is asked, so that nothing is tried out.

What a refusal means when it comes is said in `connecting`.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.postgres import explaining, sessions

_RIGHTS: Final = {
    **{table.name: ("SELECT", "INSERT", "UPDATE", "DELETE") for table in resources.TABLES},
    "k8s_syncs": ("SELECT", "INSERT"),
    "k8s_scopes": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "k8s_history": ("SELECT", "INSERT"),
}
"""What a sync does to each table."""
_OF_WATCHES: Final = (("k8s_syncs", "UPDATE"),)
"""What a watch does beyond that: its line of the ledger grows for an hour."""


def read_only(conn: psycopg.Connection) -> str | None:
    """Return the reason why nothing can be written, and what to do; None: it can.

    :raises DatabaseError: when PostgreSQL does not say.
    """
    recovering, refusing = _ask(
        conn, "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean", []
    )[0]
    if recovering:
        return "the server is a read-only replica: connect to the primary"
    return "transactions are read-only here: set default_transaction_read_only to off" if refusing else None


def lacking(conn: psycopg.Connection, schema: str, *, watching: bool = False) -> list[str]:
    """List the statements that would grant us what a sync needs and we have not.

    :param schema: a migrated one.
    :param watching: whether it is a watch.
    :raises DatabaseError: when PostgreSQL does not say.
    """
    asked = [(table, right) for table, rights in _RIGHTS.items() for right in rights]
    asked += _OF_WATCHES if watching else ()
    rows = _ask(
        conn,
        "SELECT format('%%I.%%I', %s::text, a.table_name), string_agg(a.name, ', ' ORDER BY a.place)"
        " FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS a (table_name, name, place)"
        " JOIN pg_class AS c ON c.relname = a.table_name AND c.relnamespace = to_regnamespace(quote_ident(%s))"
        " WHERE NOT has_table_privilege(c.oid, a.name) GROUP BY a.table_name ORDER BY min(a.place)",
        [schema, [table for table, _ in asked], [right for _, right in asked], schema],
    )
    role, database, temporary = _ask(
        conn,
        "SELECT quote_ident(current_user), quote_ident(current_database()),"
        " has_database_privilege(current_database(), 'TEMPORARY')",
        [],
    )[0]
    tables: dict[str, list[str]] = {}
    for table, rights in rows:
        tables.setdefault(rights, []).append(table)
    missing = [] if temporary else [f"TEMPORARY ON DATABASE {database}"]
    missing += [f"{rights} ON {', '.join(names)}" for rights, names in tables.items()]
    return [f"GRANT {rights} TO {role}" for rights in missing]


def _ask(conn: psycopg.Connection, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    try:
        with sessions.transaction(conn) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()
    except psycopg.Error as error:
        raise DatabaseError(f"what this user may do cannot be asked: {explaining.explain(error)}") from error
