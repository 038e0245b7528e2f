"""Which of the ledger's rows are a run's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.model import EVERYTHING, Origin, Scope, Selection, Status, SyncReport
from airflow_provider_k8s_inventory.postgres import ledger
from airflow_provider_k8s_inventory.postgres.ledger import last_down, latest_reports
from airflow_provider_k8s_inventory.postgres.scopes import Past, past

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def report(resource: str, index: int, try_number: int, *, status: Status = "success", run_id: str = "r") -> SyncReport:
    return SyncReport(
        context_name="dev",
        cluster_uid="uid",
        resource=resource,
        selection=Selection(namespaces=("a", "b")),
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


def test_the_past_of_scopes_is_their_first_sync_and_the_last_good_one(conn: psycopg.Connection) -> None:
    hours = [NOW + timedelta(hours=hour) for hour in range(4)]
    for hour, status in zip(hours, ("unreachable", "success", "success", "failed"), strict=True):
        each = report("pods", 0, 1, status=status)  # type: ignore[arg-type]
        ledger.record(conn.cursor(), "public", replace(each, finished_at=hour))
    everything = replace(report("pods", 0, 1), selection=EVERYTHING, finished_at=hours[0])
    ledger.record(conn.cursor(), "public", everything)
    narrowed = Scope(context_name="dev", resource="pods", selection=Selection(namespaces=("a", "b")))
    whole, unknown = replace(narrowed, selection=EVERYTHING), replace(narrowed, resource="nodes")
    assert past(conn, schema="public", scopes=[narrowed, whole, unknown]) == {
        narrowed: Past(first_at=hours[0], good_at=hours[2]),
        whole: Past(first_at=hours[0], good_at=hours[0]),
        unknown: Past(first_at=None, good_at=None),
    }


SECOND = timedelta(seconds=1)


def down(**changes: Any) -> SyncReport:
    """A sync that found its cluster down in the last minute."""
    now = datetime.now(UTC)
    origin = Origin(dag_id="d", run_id="r", task_id="sync", map_index=0, try_number=2)
    found = replace(report("pods", 0, 1), status="unreachable", cluster_uid=None, warnings=(), origin=origin)
    return replace(found, started_at=now - 40 * SECOND, finished_at=now - 20 * SECOND, **changes)


def remembered(conn: psycopg.Connection, written: SyncReport, *, context: str = "dev", **own: Any) -> bool:
    ledger.record(conn.cursor(), "public", written)
    origin = replace(Origin(dag_id="d", run_id="r", task_id="sync", map_index=1, try_number=2), **own)
    since, longest = datetime.now(UTC) - 60 * SECOND, 300 * SECOND
    asked: dict[str, Any] = {"schema": "public", "context_name": context}
    return last_down(conn, **asked, origin=origin, since=since, longest=longest) is not None


@pytest.mark.parametrize("try_number", [1, 2])
def test_a_cluster_that_was_just_down_is_remembered(try_number: int, conn: psycopg.Connection) -> None:
    assert remembered(conn, down(), try_number=try_number)


def test_a_later_try_asks_anew(conn: psycopg.Connection) -> None:
    assert not remembered(conn, down(), try_number=3)


def test_another_run_or_context_asks_itself(conn: psycopg.Connection) -> None:
    assert not remembered(conn, down(), run_id="another")
    assert not remembered(conn, down(), context="prod")


def test_a_cluster_that_responded_is_not_down(conn: psycopg.Connection) -> None:
    assert not remembered(conn, down(responded=True))


def test_what_was_only_repeated_is_not_remembered(conn: psycopg.Connection) -> None:
    asked = down()
    assert not remembered(conn, replace(asked, started_at=asked.finished_at))


def test_what_was_found_out_before_the_run_was_cleared_is_not_remembered(conn: psycopg.Connection) -> None:
    asked = down()
    assert not remembered(conn, replace(asked, started_at=asked.started_at - 30 * SECOND))
