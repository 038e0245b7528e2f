"""The line every run ends with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.sync import summary

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def report(**fields: Any) -> SyncReport:
    given = {"context_name": "dev", "cluster_uid": None, "resource": "pods", "status": "success"} | fields
    return SyncReport(**given, started_at=NOW, finished_at=NOW)


def test_it_is_the_line_of_the_replaced_system() -> None:
    reports = [report(seen=22), report(seen=21)]

    assert summary(reports, seconds=1.2) == (
        "Sync completed successfully. Resources: 43, Errors: 0, Warnings: 0, Time: 1s"
    )


def test_a_scope_that_failed_is_an_error_and_its_objects_do_not_count() -> None:
    reports = [report(seen=22), report(seen=100, status="failed")]

    assert summary(reports, seconds=3) == (
        "Sync completed with errors. Resources: 22, Errors: 1, Warnings: 0, Time: 3s"
    )


@pytest.mark.parametrize("status", ["forbidden", "unauthorized", "unreachable", "refused", "failed"])
def test_every_bad_status_is_an_error(status: str) -> None:
    assert "with errors" in summary([report(status=status)], seconds=1)


def test_an_absent_resource_is_no_error() -> None:
    assert summary([report(status="absent")], seconds=1).startswith("Sync completed successfully. Resources: 0")


def test_warnings_are_counted_one_by_one() -> None:
    reports = [report(warnings=("a", "b")), report(status="failed", warnings=("c",))]

    assert "Warnings: 3," in summary(reports, seconds=1)


def test_a_caller_may_say_what_counts_as_an_error() -> None:
    assert "successfully. Resources: 0, Errors: 0," in summary([report(status="busy")], seconds=1, errors=0)


@pytest.mark.parametrize(("seconds", "shown"), [(0.01, "1s"), (1.4, "1s"), (1.6, "2s"), (125.0, "125s")])
def test_the_time_is_in_whole_seconds_and_never_zero(seconds: float, shown: str) -> None:
    assert summary([], seconds=seconds).endswith(f"Time: {shown}")
