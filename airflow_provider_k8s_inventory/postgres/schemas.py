"""The names of schemas that this package can use; what is made in one is in `migrations`."""

from __future__ import annotations

from typing import Final

from airflow_provider_k8s_inventory.exceptions import UsageError

_LONGEST: Final = 63
"""Bytes of a name: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS"""


def check(schema: str) -> None:
    """Make sure that statements can name the schema.

    :raises UsageError: when they cannot.
    """
    # PostgreSQL would cut it, and so mean another schema (NAMEDATALEN).
    if not 0 < len(schema.encode()) <= _LONGEST:
        raise UsageError(f"schema {schema!r} cannot be used: names of schemas have 1 to {_LONGEST} bytes")
    # psycopg quotes identifiers, but takes a % in them for a placeholder where a statement has parameters.
    if "%" in schema:
        raise UsageError(f"schema {schema!r} cannot be used: its name has a %; rename it, or name another one")
