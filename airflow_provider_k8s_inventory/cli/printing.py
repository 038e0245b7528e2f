"""Tables of reports and findings for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.sync.doctor import Finding

_COUNTS = ("seen", "inserted", "updated", "unchanged", "deleted")


def print_reports(console: Console, reports: Sequence[SyncReport]) -> None:
    """A line per scope, and below the table what a person should read of each."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("context", "resource", "status"):
        table.add_column(name, overflow="fold")
    for name in (*_COUNTS, "seconds"):
        table.add_column(name, justify="right")
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
    for report in reports:
        scope = f"{report.context_name} · {report.resource}"
        if report.reason:
            console.print(f"{scope}: {report.status}: {report.reason}", markup=False, highlight=False, soft_wrap=True)
        for warning in report.warnings:
            console.print(f"{scope}: warning: {warning}", markup=False, highlight=False, soft_wrap=True)


def print_findings(console: Console, findings: Iterable[Finding]) -> None:
    """A line per check."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "subject", "check", "detail"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        table.add_row(mark, escape(finding.subject), escape(finding.check), escape(finding.detail))
    console.print(table)
