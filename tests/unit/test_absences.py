"""What is absent in every context of a run: a wrong name, or a resource that has gone everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.sync import summary
from airflow_provider_k8s_inventory.sync.absences import everywhere

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
CERTS = "certificatez.cert-manager.io"


def report(context_name: str = "dev", resource: str = CERTS, status: Any = "success", **fields: Any) -> SyncReport:
    return SyncReport(
        context_name=context_name,
        cluster_uid=None,
        resource=resource,
        status=status,
        started_at=NOW,
        finished_at=NOW,
        **fields,
    )


def absent(context_name: str, resource: str = CERTS, **fields: Any) -> SyncReport:
    return report(context_name, resource, "absent", **fields)


def test_what_was_never_anywhere_is_an_error_with_the_nearest_names() -> None:
    hint = f"context dev does not serve {CERTS}; did you mean certificates.cert-manager.io?"
    reports = [report(resource="pods"), absent("prod", reason="no hint"), absent("dev", reason=hint)]
    (found,) = everywhere(reports, lambda: {"pods"})

    assert (str(found.scope), found.status) == (CERTS, "failed")
    assert found.reason == (
        "no context serves it, and none ever did: correct the name; did you mean certificates.cert-manager.io?"
    )
    assert "with errors. Resources: 0, Errors: 1, Warnings: 0" in summary([*reports, found], seconds=1)


def test_without_a_hint_it_may_be_left_out() -> None:
    (found,) = everywhere([absent("dev")], set)

    assert found.reason == "no context serves it, and none ever did: correct the name, or leave it out"


@pytest.mark.parametrize(("ever", "deleted"), [({CERTS}, 0), (set(), 3)])
def test_what_has_gone_everywhere_is_a_warning(ever: set[str], deleted: int) -> None:
    reports = [absent("dev"), absent("prod", deleted=deleted)]
    (found,) = everywhere(reports, lambda: ever)

    assert found.good
    assert found.warnings == ("no context serves it any more: if that is as it should be, leave it out",)
    assert "successfully. Resources: 0, Errors: 0, Warnings: 1" in summary([*reports, found], seconds=1)


@pytest.mark.parametrize(
    "reports",
    [
        [absent("dev"), report("prod")],
        [absent("dev"), report("prod", status="unreachable")],
        [absent("dev"), report("prod", "pods")],
        [report()],
        [],
    ],
    ids=["served in one", "unknown in one", "not told of one", "nothing absent", "nothing"],
)
def test_absence_in_some_contexts_is_no_matter_and_nobody_asks_what_was_before(reports: list[SyncReport]) -> None:
    assert everywhere(reports, lambda: pytest.fail("asked")) == []


def test_a_task_without_a_context_is_none() -> None:
    assert everywhere([absent("dev"), report("", "plan", "failed")], set) != []


@pytest.mark.parametrize(("ever", "good"), [({"certificates.cert-manager.io"}, True), ({"pods"}, False)])
def test_a_glob_that_matches_nothing_anywhere_is_told_too(ever: set[str], good: bool) -> None:
    (found,) = everywhere([absent("dev", "*.cert-manager.io")], lambda: ever)

    assert found.good is good
    assert "no context serves anything that matches *.cert-manager.io" in (found.reason or found.warnings[0])


def test_a_glob_of_which_all_is_left_out_everywhere_says_so() -> None:
    reason = "context dev has no resource that matches *.example.com but what is left out"
    reports = [absent("dev", "*.example.com", reason=reason), absent("prod", "*.example.com", reason="nothing")]
    (never,), (before,) = everywhere(reports, set), everywhere(reports, lambda: {"widgets.example.com"})

    assert (never.status, before.status) == ("failed", "absent")
    said = "no context serves anything that matches *.example.com but what is left out"
    assert said in (never.reason or "")
    assert said in before.warnings[0]


@pytest.mark.parametrize(("ever", "good"), [({"roles"}, True), ({"pods", "rbac.example.com"}, False)])
def test_a_group_of_which_nothing_is_anywhere_is_told_too(ever: set[str], good: bool) -> None:
    (found,) = everywhere([absent("dev", "rbac")], lambda: ever)

    assert found.good is good
    assert "no context serves anything that matches rbac" in (found.reason or found.warnings[0])
