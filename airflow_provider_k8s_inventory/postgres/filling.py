"""Fill a scope that has no rows, page by page, and sum its context up once at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.postgres.target import Target

SETTING: Final = "k8s_inventory.filling"
"""While it is on, the triggers that keep the summary tables up leave them alone."""
SUMMARIZE: Final = "k8s_summarize_pods_of"
"""The function that sums up the pods of a context."""
_SUMMARIZED: Final = frozenset({resources.CATALOGUE["pods"].table.name})
"""The tables that have summaries."""


@contextmanager
def filling(cursor: psycopg.Cursor[Any], target: Target) -> Iterator[None]:
    """Let the block fill a scope; it is to be within a savepoint, which takes all of it back when it fails."""
    if target.table.name not in _SUMMARIZED:
        yield
        return
    cursor.execute("SELECT pg_catalog.set_config(%s, 'on', true)", [SETTING])
    yield
    cursor.execute("SELECT pg_catalog.set_config(%s, '', true)", [SETTING])
    function = sql.Identifier(target.schema, SUMMARIZE)
    cursor.execute(sql.SQL("SELECT {}(%s)").format(function), [target.context_name])
