"""Tables of reports and findings for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.sync.doctor import Finding

_WIDTH = 120
_COUNTS = ("seen", "inserted", "updated", "unchanged", "deleted")


def console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=max(found.width, _WIDTH))


def print_reports(console: Console, reports: Sequence[SyncReport]) -> None:
    """A line per scope, and below the table what a person should read of them."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("context", "resource", "status"):
        table.add_column(name, overflow="fold")
    for name in (*_COUNTS, "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for report in reports:
        color = "green" if report.status == "success" else "yellow" if report.good else "red"
        table.add_row(
            escape(report.context_name),
            escape(report.resource),
            f"[{color}]{report.status}[/]",
            *(str(getattr(report, name)) for name in _COUNTS),
            f"{report.seconds:.2f}",
        )
    console.print(table)
    _print_reasons(console, reports)
    for report in reports:
        for warning in report.warnings:
            line = f"{report.context_name} · {report.resource}: warning: {warning}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_reasons(console: Console, reports: Sequence[SyncReport]) -> None:
    """Why scopes are no success; what stopped a whole context is said once."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for report in reports:
        if report.reason:
            said.setdefault((report.context_name, report.status, report.reason), []).append(report.resource)
    for (context_name, status, reason), names in said.items():
        line = f"{context_name} · {', '.join(names)}: {status}: {reason}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_findings(console: Console, findings: Iterable[Finding]) -> None:
    """A line per check."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "subject", "check", "detail"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        table.add_row(mark, escape(finding.subject), escape(finding.check), escape(finding.detail))
    console.print(table)
