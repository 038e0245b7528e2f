"""Find what is absent in every context of a run: no scope alone can tell a misspelled name from a missing resource."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.sync import expanding


def everywhere(reports: Sequence[SyncReport], synced: Callable[[], Collection[str]]) -> list[SyncReport]:
    """Make a report of each resource, glob or group that is absent in all contexts; it is of none of them.

    One that no context ever had is a failure: its name is wrong. One that has gone everywhere is a warning.

    :param reports: the run's reports.
    :param synced: gives the resources that were ever synced in any context; called only where it matters.
    """
    contexts = {report.context_name for report in reports if report.context_name}
    absent: dict[str, list[SyncReport]] = {}
    for report in reports:
        if report.status == "absent":
            absent.setdefault(report.resource, []).append(report)
    found = {name: of_name for name, of_name in absent.items() if {each.context_name for each in of_name} == contexts}
    ever = synced() if found else ()
    return [_report(name, of_name, ever) for name, of_name in found.items()]


def _report(name: str, reports: Sequence[SyncReport], ever: Collection[str]) -> SyncReport:
    what = f"anything that matches {name}" if expanding.is_glob(name) else "it"
    if any((report.reason or "").endswith(expanding.LEFT_OUT) for report in reports):
        what += expanding.LEFT_OUT
    before = any(report.deleted for report in reports) or any(expanding.means(name, each) for each in ever)
    now = datetime.now(UTC)
    return SyncReport(
        context_name="",
        cluster_uid=None,
        resource=name,
        status="absent" if before else "failed",
        reason=None if before else f"no context serves {what}, and none ever did: correct the name{_hint(reports)}",
        warnings=(f"no context serves {what} any more: if that is as it should be, leave it out",) if before else (),
        started_at=now,
        finished_at=now,
    )


def _hint(reports: Sequence[SyncReport]) -> str:
    for report in reports:
        _, mark, names = (report.reason or "").partition(expanding.HINT)
        if mark:
            return mark + names
    return ", or leave it out"
