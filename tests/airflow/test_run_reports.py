"""Which of the ledger's rows are a run's."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.model import Origin, Status, SyncReport
from airflow_provider_k8s_inventory.postgres import ledger
from airflow_provider_k8s_inventory.postgres.ledger import latest_reports

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def report(resource: str, index: int, try_number: int, *, status: Status = "success", run_id: str = "r") -> SyncReport:
    return SyncReport(
        context_name="dev",
        cluster_uid="uid",
        resource=resource,
        namespaces=("a", "b"),
        status=status,
        reason=None,
        started_at=NOW,
        finished_at=NOW,
        seen=3,
        inserted=2,
        unchanged=1,
        warnings=("odd",),
        origin=Origin(dag_id="d", run_id=run_id, task_id="sync", map_index=index, try_number=try_number),
    )


def latest(conn: psycopg.Connection, *written: SyncReport) -> list[SyncReport]:
    for each in written:
        ledger.record(conn.cursor(), "public", each)
    return latest_reports(conn, schema="public", dag_id="d", run_id="r")


def test_a_report_comes_back_as_it_was_written(conn: psycopg.Connection) -> None:
    assert latest(conn, report("pods", 0, 1)) == [report("pods", 0, 1)]


def test_they_come_by_map_index(conn: psycopg.Connection) -> None:
    found = latest(conn, report("pods", 10, 1), report("nodes", 2, 1))
    assert [each.resource for each in found] == ["nodes", "pods"]


@pytest.mark.parametrize("status", ["success", "unreachable"])
def test_of_several_tries_the_last_one_counts(status: Status, conn: psycopg.Connection) -> None:
    found = latest(conn, report("pods", 0, 1, status="forbidden"), report("pods", 0, 2, status=status))
    assert [each.status for each in found] == [status]


def test_a_try_that_synced_several_scopes_has_several_reports(conn: psycopg.Connection) -> None:
    found = latest(conn, report("pods", 0, 1), report("pods", 0, 2), report("nodes", 0, 2))
    assert [each.resource for each in found] == ["pods", "nodes"]


def test_other_runs_do_not_count(conn: psycopg.Connection) -> None:
    assert latest(conn, report("pods", 0, 1, run_id="other")) == []


def test_a_schema_that_cannot_be_used_is_wrong_usage(conn: psycopg.Connection) -> None:
    with pytest.raises(UsageError, match="schema 'a%b' cannot be used"):
        latest_reports(conn, schema="a%b", dag_id="d", run_id="r")
