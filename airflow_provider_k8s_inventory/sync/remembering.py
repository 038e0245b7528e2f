"""Remember over the tasks of a run that a cluster is down: its time-outs are paid once, and not by every scope."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from airflow_provider_k8s_inventory.kube.sources.kubeconfig import Context
from airflow_provider_k8s_inventory.model import Origin, SyncReport
from airflow_provider_k8s_inventory.postgres import ledger
from airflow_provider_k8s_inventory.sync import verdicts

LONGEST: Final = timedelta(minutes=5)
"""Then a cluster is asked again: it pays its time-outs, at most a minute, once in so long."""


def down(conn: psycopg.Connection, schema: str, context: Context, origin: Origin, since: datetime) -> SyncReport | None:
    """Return the report to repeat where another task of the run has just found the cluster down.

    A task that is cleared or retried asks anew, and so does the first one of a run that was cleared.

    :param conn: a connection outside of a transaction; it is left outside of one.
    :param origin: the task instance that wants to know.
    :param since: the start of the run.
    :raises psycopg.Error: when the ledger cannot be read.
    """
    found = ledger.last_down(
        conn,
        schema=schema,
        context_name=context.name,
        origin=origin,
        since=since,
        longest=LONGEST,
    )
    return replace(found, reason=verdicts.repeated(found, now=datetime.now(UTC)), origin=origin) if found else None
