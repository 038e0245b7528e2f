"""Judge the reports of a run, and say by cause and cluster what went wrong: the same for the terminal and for Airflow.

A bad report is no error where another run has synced its scope since, or where its cluster is known to be down and its
rows are not yet older than the caller tolerates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from airflow_provider_k8s_inventory.durations import told
from airflow_provider_k8s_inventory.model import MEANINGS, Scope, Status, SyncReport
from airflow_provider_k8s_inventory.postgres.scopes import Past

_NAMES_SHOWN: Final = 10
_REPEATED: Final = re.compile(r" \(as \d+ (s|min|h|d) ago: .*\)$")
"""What `repeated` adds."""
_TRIES: Final = re.compile(r" \(\d+ (try|tries) in \d+ s[^)]*\)")
"""What `kube.retrying` adds: four tasks that found the same cluster down need not have waited equally long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tolerance:
    """Clusters that may be down."""

    contexts: tuple[str, ...] = ()
    """Names or globs."""
    longest: timedelta | None = None
    """How long after its last good sync; None: for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A report, and whether it is an error."""

    report: SyncReport
    good_at: datetime | None = None
    """The end of the scope's last good sync, of a report that is not good."""
    excuse: str | None = None
    """Why a report that is not good is no error."""

    @property
    def error(self) -> bool:
        """Whether it makes the run a failure."""
        return not (self.report.good or self.excuse)


def judge(
    reports: Iterable[SyncReport], past: Mapping[Scope, Past], tolerance: Tolerance, *, now: datetime
) -> list[Verdict]:
    """Judge every report.

    :param past: the earlier syncs of the scopes whose reports are not good.
    """
    nothing = Past(first_at=None, good_at=None)
    return [
        Verdict(report=report)
        if report.good
        else Verdict(
            report=report,
            good_at=past.get(report.scope, nothing).good_at,
            excuse=_excuse(report, past.get(report.scope, nothing), tolerance, now),
        )
        for report in reports
    ]


def _excuse(report: SyncReport, past: Past, tolerance: Tolerance, now: datetime) -> str | None:
    if report.meaning.turned_away and past.good_at and past.good_at >= report.started_at:
        return "synced by another run since"
    if report.meaning.down and any(_matches(report.context_name, pattern) for pattern in tolerance.contexts):
        # Of a cluster that never responded, the rows are as old as the first attempt.
        since = past.good_at or past.first_at or report.started_at
        if tolerance.longest is None or now - since <= tolerance.longest:
            return "tolerated"
    return None


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """A cause that kept some scopes of one context from being a success."""

    context_name: str
    resources: tuple[str, ...]
    status: Status
    reason: str
    good_at: datetime | None
    """The oldest of the scopes' last good syncs; None: one was never good."""
    excuse: str | None
    """Why it is no error, if it is none."""

    @property
    def error(self) -> bool:
        """Whether it makes the run a failure."""
        return not (MEANINGS[self.status].good or self.excuse)

    @property
    def where(self) -> str:
        """The context and its resources."""
        names = _listed(self.resources)
        return f"{self.context_name} · {names}" if self.context_name else names

    def line(self, now: datetime) -> str:
        """Say it in one line."""
        excuse = f" ({self.excuse})" if self.excuse else ""
        bad = self.context_name and not MEANINGS[self.status].good
        good = f" [{_last_good(self.good_at, now)}]" if bad else ""
        return f"{self.where}: {self.status}{excuse}: {self.reason}{good}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def causes(verdicts: Iterable[Verdict]) -> list[Cause]:
    """Group what is no success by context, status and reason, in the order of the reports."""
    found: dict[tuple[str, Status, str, str | None], list[Verdict]] = {}
    for each in verdicts:
        report = each.report
        if report.reason or not report.good:
            cause = _TRIES.sub("", first_said(report.reason or ""))
            found.setdefault((report.context_name, report.status, cause, each.excuse), []).append(each)
    return [
        Cause(
            context_name=context_name,
            resources=tuple(each.report.scope.selected for each in group),
            status=status,
            reason=first_said(group[0].report.reason or ""),
            good_at=_oldest([each.good_at for each in group]),
            excuse=excuse,
        )
        for (context_name, status, _, excuse), group in found.items()
    ]


def _oldest(times: Sequence[datetime | None]) -> datetime | None:
    known = [time for time in times if time]
    return min(known) if len(known) == len(times) else None


def headline(verdicts: Sequence[Verdict], *, now: datetime) -> str:
    """Say which clusters failed: ``1 of 2 clusters failed: prod (unreachable, last good 8 min ago)``.

    Of a task that failed before any cluster was named it has the reason too.
    """
    bad = [each for each in causes(verdicts) if each.error]
    tasks = [f"{each.where} failed: {each.reason}" for each in bad if not each.context_name]
    by_context: dict[str, list[Cause]] = {}
    for each in bad:
        if each.context_name:
            by_context.setdefault(each.context_name, []).append(each)
    total = len({each.report.context_name for each in verdicts if each.report.context_name})
    clusters = [f"{name} ({_in_short(group, now)})" for name, group in by_context.items()]
    failed = f"{len(clusters)} of {total} clusters failed: {_listed(clusters)}"
    return "; ".join([*tasks, failed] if clusters else tasks)


def _in_short(group: Sequence[Cause], now: datetime) -> str:
    statuses = ", ".join(dict.fromkeys(each.status for each in group))
    return f"{statuses}, {_last_good(_oldest([each.good_at for each in group]), now)}"


def _last_good(time: datetime | None, now: datetime) -> str:
    return f"last good {told(now - time, units=1)} ago" if time else "never good"


def repeated(report: SyncReport, *, now: datetime) -> str:
    """Say the reason of a report to another scope of its context, which is not asked again."""
    return f"{report.reason} (as {told(now - report.finished_at, units=1)} ago: {report.scope})"


def first_said(reason: str) -> str:
    """Take away what `repeated` adds."""
    return _REPEATED.sub("", reason)


def warnings(reports: Iterable[SyncReport]) -> Iterator[str]:
    """Say each warning once for all scopes of a context, and what the reports show together."""
    said: dict[tuple[str, str], list[str]] = {}
    reports = list(reports)
    for report in reports:
        for warning in report.warnings:
            said.setdefault((report.context_name, warning), []).append(report.scope.selected)
    for (context_name, warning), names in said.items():
        where = f"{context_name} · {_listed(names)}" if context_name else _listed(names)
        yield f"{where}: warning: {warning}"
    builds = _builds(reports)
    if builds:
        yield (
            f"warning: two versions of the package sync these scopes ({builds}): a scope is read whole each time the "
            "version changes; install the same one on every worker"
        )


def unmatched(reports: Iterable[SyncReport]) -> Iterator[str]:
    """Warn of paths to redact in all resources that matched nothing in a whole run, as far as that can be told."""
    read = [report for report in reports if report.redacted and report.good and report.seen]
    if all(report.unmatched is not None for report in read):
        for rule in dict.fromkeys(rule for report in read for rule in report.unmatched or ()):
            if all(rule in (report.unmatched or ()) for report in read):
                yield f"warning: redact: {rule} matched nothing in this run"


def _builds(reports: Iterable[SyncReport]) -> str:
    """List the versions that made the rows, with a machine of each; empty where it is one."""
    hosts: dict[str, str | None] = {}
    columns: dict[str, set[str]] = {}
    for report in reports:
        version, _, rest = (report.row_format or "").partition(" ")
        if version:
            hosts.setdefault(version, report.host)
            columns.setdefault(report.resource, set()).add(rest.partition(" ")[0])
    if len(hosts) > 1:
        return ", ".join(f"{version} on {host or 'an unknown machine'}" for version, host in sorted(hosts.items()))
    differing = sorted(name for name, found in columns.items() if len(found) > 1)
    return f"they differ in the columns of {', '.join(differing)}" if differing else ""
