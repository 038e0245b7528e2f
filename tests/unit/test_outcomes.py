"""What a DAG run came to, when the ledger and the states of its tasks tell it together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_k8s_inventory.model import Origin, Status, SyncReport
from airflow_provider_k8s_inventory.operators.outcomes import Instance, instances, outcome

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLANNED = [{"cluster_context": "dev", "resource": "pods"}, {"cluster_context": "prod", "resource": "pods"}]


def report(index: int, status: Status = "success", *, task_id: str = "sync", try_number: int = 1) -> SyncReport:
    return SyncReport(
        context_name=("dev", "prod")[index],
        cluster_uid=None,
        resource="pods",
        status=status,
        reason=None if status == "success" else f"it is {status}",
        started_at=NOW,
        finished_at=NOW,
        origin=Origin(task_id=task_id, map_index=index, try_number=try_number),
    )


def judged(
    reports: list[SyncReport],
    states: Mapping[str, str | None],
    planned: list[dict[str, str]] | None = None,
    **others: Any,
) -> list[tuple[str, str, str, str | None]]:
    found: dict[Instance, str | None] = instances("sync", states)
    for task_id, state in others.items():
        found |= instances(task_id, {task_id: state})
    end = outcome(reports, found, planned or [], now=NOW)
    return [(each.context_name, each.resource, each.status, each.reason) for each in end]


def test_the_states_of_a_mapped_task_are_told_apart_by_index() -> None:
    assert instances("a_1", {"a_1_0": "success", "a_1_12": None}) == {
        Instance("a_1", 0): "success",
        Instance("a_1", 12): None,
    }


def test_the_state_of_a_task_that_is_not_mapped_has_no_index() -> None:
    assert instances("a_1", {"a_1": "failed"}) == {Instance("a_1", -1): "failed"}


def test_what_the_ledger_says_is_the_outcome() -> None:
    ended = judged([report(0), report(1, "forbidden")], {"sync_0": "success", "sync_1": "failed"})
    assert ended == [("dev", "pods", "success", None), ("prod", "pods", "forbidden", "it is forbidden")]


def test_a_failed_sync_that_somebody_marked_as_success_stays_failed() -> None:
    assert judged([report(0, "unreachable")], {"sync_0": "success"}) == [
        ("dev", "pods", "unreachable", "it is unreachable")
    ]


def test_a_task_that_broke_off_is_named_by_the_plan() -> None:
    ended = judged([report(0)], {"sync_0": "success", "sync_1": "failed"}, PLANNED)
    assert ended[1] == (
        "prod", "pods", "failed", "the task instance sync[1] broke off without a report; its log says why"
    )  # fmt: skip


def test_without_a_plan_it_is_named_by_its_index() -> None:
    assert judged([], {"sync_0": "success", "sync_1": "failed"})[0][:3] == ("-", "sync[1]", "failed")


@pytest.mark.parametrize("planned", [PLANNED[:1], [*PLANNED, PLANNED[0]]], ids=["shorter", "longer"])
def test_a_plan_of_another_length_names_nothing(planned: list[dict[str, str]]) -> None:
    assert judged([], {"sync_0": "success", "sync_1": "failed"}, planned)[0][1] == "sync[1]"


def test_a_plan_names_nothing_when_two_tasks_are_mapped() -> None:
    states = instances("sync", {"sync_0": "failed"}) | instances("other", {"other_0": "success"})
    (lost,) = outcome([], states, PLANNED, now=NOW)
    assert lost.resource == "sync[0]"


@pytest.mark.parametrize("planned", [[], PLANNED], ids=["unplanned", "planned"])
def test_a_task_that_broke_off_after_good_reports_is_named_itself_and_they_stay(planned: list[dict[str, str]]) -> None:
    ended = judged([report(0), report(1, try_number=2)], {"sync_0": "success", "sync_1": "failed"}, planned)
    assert ended == [
        ("dev", "pods", "success", None),
        ("prod", "pods", "success", None),
        (
            "prod", "sync[1]", "failed",
            "the task instance sync[1] broke off though every scope it reported in try 2 ended well; its log says why",
        ),
    ]  # fmt: skip


def test_a_task_that_has_not_ended_is_no_success() -> None:
    assert "has not ended, it is running" in str(judged([], {"sync_0": "running"})[0][3])


def test_a_task_that_is_not_scheduled_is_no_success() -> None:
    assert "not even scheduled" in str(judged([], {"sync_0": None})[0][3])


def test_a_failed_task_upstream_of_the_sync_is_said_once() -> None:
    ended = judged([], {"sync": "upstream_failed"}, migrate="success", plan="failed")
    assert ended == [("-", "plan", "failed", "the task instance plan broke off without a report; its log says why")]


def test_instances_that_a_shorter_plan_removed_do_not_count() -> None:
    ended = judged([report(0), report(1, "unreachable")], {"sync_0": "success", "sync_1": "removed"})
    assert ended == [("dev", "pods", "success", None)]


def test_reports_of_a_task_that_is_not_upstream_count_as_they_are() -> None:
    ended = judged([report(0, "refused", task_id="elsewhere")], {})
    assert ended == [("dev", "pods", "refused", "it is refused")]


def test_a_skipped_sync_has_nothing_to_say() -> None:
    assert judged([], {"sync": "skipped"}) == []
