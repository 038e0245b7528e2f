"""What the ledger says of one DAG run: the reports of the latest try of each task instance.

The ledger is written by `sync`; what a run came to as a whole is worked out in `outcomes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_k8s_inventory.model import Origin, SyncReport

if TYPE_CHECKING:
    import psycopg

_ORIGIN: Final = tuple(field.name for field in fields(Origin))
_OWN: Final = tuple(field.name for field in fields(SyncReport) if field.name != "origin")

# A cleared task instance runs again under the next try number; a task that syncs several scopes has several rows.
_LATEST: Final = """
SELECT {columns} FROM (
    SELECT *, rank() OVER (PARTITION BY task_id, map_index ORDER BY try_number DESC) AS age
    FROM {ledger} WHERE dag_id = %s AND run_id = %s
) AS tries
WHERE age = 1 ORDER BY task_id, map_index, id
"""


def latest_reports(conn: psycopg.Connection, *, schema: str, dag_id: str, run_id: str) -> list[SyncReport]:
    """The reports of a run; of a task instance that was tried several times, those of the last time.

    :param conn: a connection that reads tuples.
    :param schema: the schema of the ledger.
    """
    from psycopg import sql

    query = sql.SQL(_LATEST).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, (*_OWN, *_ORIGIN))), ledger=sql.Identifier(schema, "k8s_syncs")
    )
    names = (*_OWN, *_ORIGIN)
    return [_report(dict(zip(names, row, strict=True))) for row in conn.execute(query, (dag_id, run_id))]


def _report(row: Mapping[str, Any]) -> SyncReport:
    values = {name: row[name] for name in _OWN}
    values["namespaces"] = tuple(row["namespaces"] or ())
    values["warnings"] = tuple(row["warnings"])
    return SyncReport(**values, origin=Origin(**{name: row[name] for name in _ORIGIN}))
