"""Which names of schemas this package can use; what is made in one is in `migrations`."""

from __future__ import annotations

from airflow_provider_k8s_inventory.exceptions import UsageError


def check(schema: str) -> None:
    """Make sure that statements can name the schema.

    :raises UsageError: when they cannot.
    """
    # psycopg quotes identifiers, but takes a % in them for a placeholder where a statement has parameters.
    if "%" in schema:
        raise UsageError(f"schema {schema!r} cannot be used: its name has a %; rename it, or name another one")
