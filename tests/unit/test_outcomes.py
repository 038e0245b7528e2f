"""What a DAG run came to, when the ledger and the states of its tasks tell it together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_k8s_inventory.model import Origin, Status, SyncReport
from airflow_provider_k8s_inventory.operators.outcomes import Failure, Instance, instances, outcome

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLANNED = [{"cluster_context": "dev", "resource": "pods"}, {"cluster_context": "prod", "resource": "pods"}]
GROUPED = [{"cluster_context": name, "resource": "clusters,pods,services"} for name in ("dev", "prod")]
DIED = "no report: the worker of sync[1] died or was cut off, or the task's log says why"


def report(
    index: int, status: Status = "success", *, resource: str = "pods", task_id: str = "sync", try_number: int = 1
) -> SyncReport:
    return SyncReport(
        context_name=("dev", "prod")[index],
        cluster_uid=None,
        resource=resource,
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
    failures: Mapping[Instance, Failure] | None = None,
    **others: Any,
) -> list[tuple[str, str, str, str | None]]:
    found: dict[Instance, str | None] = instances("sync", states)
    for task_id, state in others.items():
        found |= instances(task_id, {task_id: state})
    end = outcome(reports, found, planned or [], now=NOW, failures=failures)
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
    assert ended[1] == ("prod", "pods", "failed", DIED)


def test_without_a_plan_it_is_named_by_its_index() -> None:
    assert judged([], {"sync_0": "success", "sync_1": "failed"})[0][:3] == ("", "sync[1]", "failed")


@pytest.mark.parametrize("planned", [PLANNED[:1], [*PLANNED, PLANNED[0]]], ids=["shorter", "longer"])
def test_a_plan_of_another_length_names_nothing(planned: list[dict[str, str]]) -> None:
    assert judged([], {"sync_0": "success", "sync_1": "failed"}, planned)[0][1] == "sync[1]"


def test_a_plan_names_nothing_when_two_tasks_are_mapped() -> None:
    states = instances("sync", {"sync_0": "failed"}) | instances("other", {"other_0": "success"})
    (lost,) = outcome([], states, PLANNED, now=NOW)
    assert lost.resource == "sync[0]"


def test_a_task_that_says_why_it_failed_is_believed() -> None:
    failures = {Instance("sync", 1): Failure("no kubeconfig: put one there", "worker-2")}
    ended = judged([report(0)], {"sync_0": "success", "sync_1": "failed"}, PLANNED, failures)
    assert ended[1] == ("prod", "pods", "failed", "no kubeconfig: put one there (on worker-2)")


def test_a_reason_that_names_its_machine_names_it_once() -> None:
    failures = {Instance("sync", 1): Failure("on worker-2: no kubeconfig", "worker-2")}
    ended = judged([], {"sync_0": "success", "sync_1": "failed"}, PLANNED, failures)
    assert ended[0][3] == "on worker-2: no kubeconfig"


def test_a_scope_that_was_lost_has_the_selection_that_its_task_had() -> None:
    planned = [{"cluster_context": name, "resource": "clusters,nodes,pods,*.example.com"} for name in ("dev", "prod")]
    planned[0] |= {"namespaces": "c"}
    narrowed = {"sync": {"namespaces": ["a", "b"], "label_selector": "['app=web', 'pods:app=db']"}}
    states = instances("sync", {"sync_0": "failed", "sync_1": "failed"})
    lost = outcome([], states, planned, now=NOW, narrowed=narrowed)

    assert [str(report.scope) for report in lost] == [
        "dev · clusters",
        "dev · nodes (-l app=web)",
        "dev · pods (c -l app=db)",
        "dev · *.example.com (c -l app=web)",
        "prod · clusters",
        "prod · nodes (-l app=web)",
        "prod · pods (a, b -l app=db)",
        "prod · *.example.com (a, b -l app=web)",
    ]


def test_of_a_selection_that_cannot_be_the_task_has_said_so() -> None:
    states = instances("sync", {"sync_0": "failed", "sync_1": "success"})
    lost, *_ = outcome([], states, PLANNED, now=NOW, narrowed={"sync": {"label_selector": "a b"}})

    assert str(lost.scope) == "dev · pods"


def test_of_a_task_that_was_killed_each_scope_without_a_report_has_a_line() -> None:
    reports = [report(0), report(1, resource="clusters"), report(1)]
    ended = judged(reports, {"sync_0": "success", "sync_1": "failed"}, GROUPED)
    assert ended == [
        ("dev", "pods", "success", None),
        ("prod", "clusters", "success", None),
        ("prod", "pods", "success", None),
        ("prod", "services", "failed", DIED),
    ]


def test_a_scope_that_failed_hides_no_other_one_of_its_task() -> None:
    ended = judged([report(1, "unreachable")], {"sync_0": "success", "sync_1": "failed"}, GROUPED)
    assert [each[1:3] for each in ended] == [("pods", "unreachable"), ("clusters", "failed"), ("services", "failed")]


def test_what_a_glob_of_a_killed_task_means_is_not_known() -> None:
    planned = [{"cluster_context": name, "resource": "pods,*.example.com"} for name in ("dev", "prod")]
    ended = judged([report(1)], {"sync_0": "success", "sync_1": "failed"}, planned)
    assert ended[1:] == [
        ("prod", "*.example.com", "failed", f"{DIED}; what *.example.com means there is not known")
    ]  # fmt: skip


def test_what_a_group_of_a_killed_task_means_is_not_known_and_what_it_leaves_out_is_no_scope() -> None:
    planned = [{"cluster_context": name, "resource": "pods,rbac,!roles,!*.apps"} for name in ("dev", "prod")]
    ended = judged([], {"sync_0": "success", "sync_1": "failed"}, planned)
    assert ended == [
        ("prod", "pods", "failed", DIED),
        ("prod", "rbac", "failed", f"{DIED}; what rbac means there is not known"),
    ]


def test_a_task_that_ended_by_itself_has_reported_what_its_globs_meant() -> None:
    planned = [{"cluster_context": name, "resource": "pods,*.example.com"} for name in ("dev", "prod")]
    failures = {Instance("sync", 1): Failure("1 of 1 scopes failed")}
    ended = judged([report(1, "forbidden")], {"sync_0": "success", "sync_1": "failed"}, planned, failures)
    assert ended == [("prod", "pods", "forbidden", "it is forbidden")]


@pytest.mark.parametrize("planned", [[], PLANNED], ids=["unplanned", "planned"])
def test_a_task_that_broke_off_after_good_reports_is_named_itself_and_they_stay(planned: list[dict[str, str]]) -> None:
    ended = judged([report(0), report(1, try_number=2)], {"sync_0": "success", "sync_1": "failed"}, planned)
    assert ended == [
        ("dev", "pods", "success", None),
        ("prod", "pods", "success", None),
        ("prod", "sync[1]", "failed", f"{DIED}; every scope it reported in try 2 ended well"),
    ]


def test_the_outcome_is_in_the_order_of_the_map() -> None:
    planned = [{"cluster_context": f"c{index}", "resource": "pods"} for index in range(12)]
    states = {f"sync_{index}": "failed" for index in reversed(range(12))}
    assert [each[0] for each in judged([], states, planned)] == [f"c{index}" for index in range(12)]


def test_a_task_that_has_not_ended_is_no_success() -> None:
    assert "has not ended, it is running" in str(judged([], {"sync_0": "running"})[0][3])


def test_a_task_that_is_not_scheduled_is_no_success() -> None:
    assert "not even scheduled" in str(judged([], {"sync_0": None})[0][3])


def test_a_failed_task_upstream_of_the_sync_is_said_once_with_its_own_reason() -> None:
    failures = {Instance("plan", -1): Failure("no context 'dve'; it has dev")}
    ended = judged([], {"sync": "upstream_failed"}, None, failures, migrate="success", plan="failed")
    assert ended == [("", "plan", "failed", "no context 'dve'; it has dev")]


def test_instances_that_a_shorter_plan_removed_do_not_count() -> None:
    ended = judged([report(0), report(1, "unreachable")], {"sync_0": "success", "sync_1": "removed"})
    assert ended == [("dev", "pods", "success", None)]


def test_reports_of_a_task_that_is_not_upstream_count_as_they_are() -> None:
    ended = judged([report(0, "refused", task_id="elsewhere")], {})
    assert ended == [("dev", "pods", "refused", "it is refused")]


def test_a_skipped_sync_has_nothing_to_say() -> None:
    assert judged([], {"sync": "skipped"}) == []
