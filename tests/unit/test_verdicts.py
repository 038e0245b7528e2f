"""Which reports of a run are errors, and how they are said by cause and cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_k8s_inventory import durations
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.model import Scope, SyncReport
from airflow_provider_k8s_inventory.postgres.scopes import Past
from airflow_provider_k8s_inventory.sync.verdicts import (
    Tolerance,
    Verdict,
    causes,
    headline,
    judge,
    repeated,
    warnings,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAB = Scope(context_name="lab", resource="pods")


def report(context_name: str = "prod", resource: str = "pods", status: Any = "unreachable", **more: Any) -> SyncReport:
    reason = None if status == "success" else f"context {context_name} is {status}"
    given = {"cluster_uid": None, "reason": reason, "started_at": NOW, "finished_at": NOW} | more
    return SyncReport(context_name=context_name, resource=resource, status=status, **given)


def verdict(*given: Any, good_at: datetime | None = None, excuse: str | None = None, **more: Any) -> Verdict:
    return Verdict(report=report(*given, **more), good_at=good_at, excuse=excuse)


def judged(reports: list[SyncReport], past: dict[Scope, Past], **tolerance: Any) -> list[bool]:
    return [each.error for each in judge(reports, past, Tolerance(**tolerance), now=NOW)]


def past(hours: float | None, first: float | None = None) -> dict[Scope, Past]:
    good_at = None if hours is None else NOW - hours * HOUR
    return {LAB: Past(first_at=None if first is None else NOW - first * HOUR, good_at=good_at)}


def test_a_good_report_is_no_error_and_every_other_one_is() -> None:
    assert judged([report(status="success"), report(status="absent"), report(), report(status="busy")], {}) == [
        False, False, True, True,
    ]  # fmt: skip


def test_a_busy_scope_that_another_run_has_synced_since_is_no_error() -> None:
    busy = report("lab", status="busy")
    assert judged([busy], {LAB: Past(first_at=NOW, good_at=NOW + HOUR)}) == [False]
    assert judged([busy], past(1)) == [True]


@pytest.mark.parametrize("pattern", ["lab", "l*"])
@pytest.mark.parametrize("status", ["unreachable", "unauthorized"])
def test_a_cluster_that_is_known_to_be_down_is_no_error(pattern: str, status: str) -> None:
    assert judged([report("lab", status=status), report("prod")], past(1), contexts=(pattern,)) == [False, True]


@pytest.mark.parametrize("status", ["failed", "refused", "forbidden", "busy"])
def test_a_cluster_that_responds_is_not_down(status: str) -> None:
    assert judged([report("lab", status=status)], past(1), contexts=("lab",)) == [True]


@pytest.mark.parametrize(("hours", "error"), [(23, False), (25, True)])
def test_it_is_one_when_its_rows_are_older_than_asked(hours: float, error: bool) -> None:
    assert judged([report("lab")], past(hours), contexts=("lab",), longest=timedelta(days=1)) == [error]


@pytest.mark.parametrize(("hours", "error"), [(23, False), (25, True)])
def test_a_cluster_that_never_responded_is_as_old_as_the_first_attempt(hours: float, error: bool) -> None:
    assert judged([report("lab")], past(None, hours), contexts=("lab",), longest=timedelta(days=1)) == [error]


def test_what_stopped_many_scopes_of_a_cluster_is_said_once_with_the_last_good_time() -> None:
    group = [
        verdict("prod", "pods", good_at=NOW - timedelta(minutes=8)),
        verdict("dev", "pods", "success"),
        verdict("prod", "services", good_at=NOW - timedelta(minutes=7)),
    ]
    assert [cause.line(NOW) for cause in causes(group)] == [
        "prod · pods, services: unreachable: context prod is unreachable [last good 8 min ago]"
    ]


def test_a_reason_that_was_repeated_is_the_same_cause() -> None:
    first = report(finished_at=NOW - timedelta(seconds=20))
    said = repeated(first, now=NOW)
    assert said == "context prod is unreachable (as 20 s ago: prod · pods)"
    (cause,) = causes([Verdict(report=first), verdict(resource="services", reason=said)])
    assert (cause.resources, cause.reason) == (("pods", "services"), "context prod is unreachable")


def test_how_long_each_task_tried_makes_no_other_cause() -> None:
    reasons = ["it is down (5 tries in 8 s)", "it is down (5 tries in 9 s)", "it is down"]
    (cause,) = causes([verdict(resource=reason, reason=reason) for reason in reasons])
    assert cause.reason == "it is down (5 tries in 8 s)"


def test_two_causes_in_one_cluster_are_two() -> None:
    assert len(causes([verdict(resource="pods"), verdict(resource="services", status="forbidden")])) == 2


def test_the_headline_names_the_clusters_and_when_they_were_last_good() -> None:
    group = [verdict("dev", "pods", "success"), verdict(good_at=NOW - timedelta(minutes=8)), verdict("lab")]
    assert headline(group, now=NOW) == (
        "2 of 3 clusters failed: prod (unreachable, last good 8 min ago), lab (unreachable, never good)"
    )


def test_the_headline_leaves_out_what_is_no_error() -> None:
    group = [verdict("lab", excuse="tolerated"), verdict(status="refused", good_at=NOW - 3 * HOUR)]
    assert headline(group, now=NOW) == "1 of 2 clusters failed: prod (refused, last good 3 h ago)"


def test_a_task_that_failed_before_any_cluster_was_named_is_said_by_its_name() -> None:
    group = [verdict("", "plan", "failed", reason="no context 'dve'")]
    assert headline(group, now=NOW) == "plan failed: no context 'dve'"
    assert [cause.line(NOW) for cause in causes(group)] == ["plan: failed: no context 'dve'"]


def test_of_hundreds_of_resources_ten_are_named() -> None:
    (cause,) = causes([verdict(resource=f"r{number}") for number in range(100)])
    assert "r9 and 90 more: unreachable" in cause.line(NOW)


def test_a_warning_of_many_scopes_is_said_once() -> None:
    reports = [report(resource=name, warnings=("cluster_uid is NULL",)) for name in ("pods", "services")]
    assert list(warnings(reports)) == ["prod · pods, services: warning: cluster_uid is NULL"]


def test_two_versions_in_one_fleet_are_a_warning_that_names_their_machines() -> None:
    (warning,) = warnings(
        [report(row_format="0.1.0 aa v1", host="w1"), report("dev", row_format="0.2.0 aa v1", host="w2")]
    )
    assert "two versions of the package sync these scopes (0.1.0 on w1, 0.2.0 on w2)" in warning


def test_two_builds_of_one_version_are_a_warning_too() -> None:
    (warning,) = warnings([report(row_format="0.1.0 aa v1"), report("dev", row_format="0.1.0 bb v1")])
    assert "they differ in the columns of pods" in warning


def test_columns_of_different_resources_may_differ() -> None:
    assert (
        list(warnings([report(row_format="0.1.0 aa v1"), report(resource="services", row_format="0.1.0 bb v1")])) == []
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (20, "20 s"), (60, "1 min"), (500, "8 min"), (3600, "1 h"), (90_000, "1 d"), (200_000, "2 d")],
)
def test_a_time_is_said_in_one_unit(seconds: float, said: str) -> None:
    assert durations.told(timedelta(seconds=seconds), units=1) == said


@pytest.mark.parametrize(("text", "hours"), [("30m", 0.5), ("24h", 24), ("7d", 168), ("3600s", 1), ("1d12h", 36)])
def test_a_length_of_time_is_a_number_and_a_unit(text: str, hours: float) -> None:
    assert durations.parse(text) == hours * HOUR


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1 week", "9999999999d"])
def test_any_other_length_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"span of time|counted"):
        durations.parse(text)
