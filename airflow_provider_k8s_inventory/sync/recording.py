"""Record a sync that wrote no rows, over a new connection when the old one is lost."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import Origin, Scope, Status, SyncReport
from airflow_provider_k8s_inventory.postgres import explaining, inventoried, ledger, sessions


class UnrecordedError(DatabaseError):
    """A line that could not be written: `report` is its content, and the message has its reason too."""

    def __init__(self, report: SyncReport, problem: str) -> None:
        self.report = report
        self.reason = f"{report.reason} (and the ledger could not be written: {problem})"
        super().__init__(f"{report.context_name} · {report.resource}: {report.status}: {self.reason}")


def blank(scope: Scope, status: Status, reason: str | None = None, origin: Origin | None = None) -> SyncReport:
    """Make the report of a scope of which nothing was read or written."""
    now = datetime.now(UTC)
    return SyncReport(
        context_name=scope.context_name,
        cluster_uid=None,
        resource=scope.resource,
        selection=scope.selection,
        status=status,
        reason=reason,
        started_at=now,
        finished_at=now,
        host=socket.gethostname(),
        origin=origin or Origin(),
    )


def record(
    conn: psycopg.Connection,
    schema: str,
    report: SyncReport,
    connect: Callable[[], psycopg.Connection] | None = None,
) -> SyncReport:
    """Write the report, in a transaction of its own.

    :param connect: opens another connection when this one is lost; None: then the line is lost too.
    :returns: the report as it was written.
    :raises UnrecordedError: when it cannot be written.
    """
    try:
        try:
            return _write(conn, schema, report)
        except psycopg.OperationalError:
            if connect is None or not conn.closed:
                raise
            with closing(connect()) as another:
                return _write(another, schema, report)
    except psycopg.Error as error:
        raise UnrecordedError(report, explaining.explain(error)) from error
    except DatabaseError as error:
        raise UnrecordedError(report, str(error)) from error


def _write(conn: psycopg.Connection, schema: str, report: SyncReport) -> SyncReport:
    sessions.fit(conn)
    with sessions.transaction(conn) as cursor:
        report = of_known_scope(cursor, schema, report)
        ledger.record(cursor, schema, report)
    return report


def of_known_scope(cursor: psycopg.Cursor, schema: str, report: SyncReport) -> SyncReport:
    """Return the report under the scope that good syncs have.

    Whether a custom resource is in namespaces only its cluster knows, and that may have said nothing.
    """
    silent = not report.responded and report.resource not in resources.CATALOGUE
    if silent and report.selection.namespaces and inventoried.is_cluster_wide(cursor, schema, report.scope):
        return replace(report, selection=report.selection.narrowed(None))
    return report
