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
_WORK_MEM: Final = "16MB"
"""The memory that a page's new rows may take, up to the end of the transaction. PostgreSQL keeps them for the triggers,
whether these look at them or not; with its default of 4 MB it writes those of 1,000 pods into a temporary file, which
takes a tenth of its CPU."""
_ENLARGE: Final = (
    "SELECT pg_catalog.set_config('work_mem', %(size)s, true)"
    " WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes(%(size)s)"
)
_SUMMARIZED: Final = frozenset({resources.CATALOGUE["pods"].table.name})
"""The tables that have summaries."""


@contextmanager
def filling(cursor: psycopg.Cursor[Any], target: Target) -> Iterator[None]:
    """Let the block fill a scope; it is to be within a savepoint, which takes all of it back when it fails."""
    if target.table.name not in _SUMMARIZED:
        yield
        return
    cursor.execute(_ENLARGE, {"size": _WORK_MEM})
    cursor.execute("SELECT pg_catalog.set_config(%s, 'on', true)", [SETTING])
    yield
    cursor.execute("SELECT pg_catalog.set_config(%s, '', true)", [SETTING])
    function = sql.Identifier(target.schema, SUMMARIZE)
    cursor.execute(sql.SQL("SELECT {}(%s)").format(function), [target.context_name])
