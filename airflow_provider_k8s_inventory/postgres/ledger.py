"""The ledger: one row of ``k8s_syncs`` per sync, whatever its end. Its tables and views are made in `migrations`."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.model import SyncReport

_FIELDS: Final = (
    "context_name",
    "cluster_uid",
    "resource",
    "namespaces",
    "mode",
    "status",
    "reason",
    "started_at",
    "finished_at",
    "resource_version",
    "pages",
    "bytes",
    "seen",
    "inserted",
    "updated",
    "unchanged",
    "deleted",
    "warnings",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "try_number",
)


def record(cursor: psycopg.Cursor[Any], schema: str, report: SyncReport) -> None:
    """Write the report's row, in the caller's transaction."""
    fields = report.as_dict()
    fields["namespaces"] = fields["namespaces"] or None
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(schema, "k8s_syncs"),
            sql.SQL(", ").join(map(sql.Identifier, _FIELDS)),
            sql.SQL(", ").join(sql.Placeholder(name) for name in _FIELDS),
        ),
        fields,
    )
