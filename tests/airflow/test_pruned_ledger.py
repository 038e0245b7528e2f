"""The report deletes old lines of the ledger, and is no worse for those that it cannot delete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_k8s_inventory.model import Origin, Scope
from airflow_provider_k8s_inventory.operators.report import KubernetesInventoryReportOperator
from airflow_provider_k8s_inventory.sync.recording import blank, record
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator
from tests.airflow.tasks import TaskInstance, execute


def write(dsn: str, *, days: int, run_id: str, status: Any = "success") -> None:
    """Write a line of so many days ago."""
    origin = Origin(dag_id="k8s_inventory", run_id=run_id, task_id="sync", map_index=0, try_number=1)
    report = blank(Scope(context_name="dev", resource="pods"), status, origin=origin)
    with psycopg.connect(dsn) as conn:
        record(conn, "public", report)
        conn.execute(
            "UPDATE k8s_syncs SET finished_at = %s WHERE run_id = %s",
            [datetime.now(UTC) - timedelta(days=days), run_id],
        )


def report(**arguments: Any) -> None:
    with DAG("k8s_inventory", schedule=None):
        last = KubernetesInventoryReportOperator(task_id="last", **arguments)
        KubernetesToPostgresOperator(task_id="sync", cluster_context="dev", resource="pods") >> last
    ti = TaskInstance("last", run_id="now", states={"sync_0": "success"})
    execute(last, ti, dag_run=SimpleNamespace(start_date=datetime.now(UTC)))


def runs(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as conn:
        return {row[0] for row in conn.execute("SELECT run_id FROM k8s_syncs")}


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ({}, {"89 days", "now"}),
        ({"keep_syncs": ""}, {"89 days", "now"}),
        ({"keep_syncs": "30"}, {"now"}),
        ({"keep_syncs": 0}, {"100 days", "89 days", "now"}),
    ],
    ids=["as it is", "empty", "30", "0"],
)
def test_lines_older_than_asked_for_are_deleted(keep: dict[str, Any], kept: set[str], inventory: str) -> None:
    write(inventory, days=100, run_id="100 days")
    write(inventory, days=89, run_id="89 days")
    write(inventory, days=0, run_id="now")
    report(**keep)

    assert runs(inventory) == kept


def test_lines_of_the_run_itself_stay(inventory: str) -> None:
    write(inventory, days=200, run_id="now")
    report()

    assert runs(inventory) == {"now"}


def test_a_run_that_failed_prunes_too(inventory: str) -> None:
    write(inventory, days=100, run_id="100 days")
    write(inventory, days=0, run_id="now", status="forbidden")
    with pytest.raises(AirflowFailException, match="1 of 1 clusters failed"):
        report()

    assert runs(inventory) == {"now"}


@pytest.mark.alters_database
def test_a_role_that_may_not_delete_is_told_so(inventory: str, capfd: pytest.CaptureFixture[str]) -> None:
    write(inventory, days=100, run_id="100 days")
    write(inventory, days=0, run_id="now")
    with psycopg.connect(inventory) as conn:
        conn.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not today'; END$$")
        conn.execute("CREATE TRIGGER refuse BEFORE DELETE ON k8s_syncs EXECUTE FUNCTION refuse()")
    report()

    assert runs(inventory) == {"100 days", "now"}
    assert "the ledger was not pruned: not today" in capfd.readouterr().out


@pytest.mark.parametrize("keep", ["-1", "a month", True])
def test_what_is_no_number_of_days_is_refused(keep: Any, inventory: str) -> None:
    write(inventory, days=0, run_id="now")
    with pytest.raises(AirflowFailException, match="keep_syncs must be a whole number"):
        report(keep_syncs=keep)
