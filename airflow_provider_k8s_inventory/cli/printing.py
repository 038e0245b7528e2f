"""Tables of reports and findings for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from airflow_provider_k8s_inventory.model import SyncReport, counted
from airflow_provider_k8s_inventory.sync import verdicts
from airflow_provider_k8s_inventory.sync.doctor import Finding
from airflow_provider_k8s_inventory.sync.verdicts import Verdict

LINES: Final = box.Box(str(box.SIMPLE_HEAD), ascii=True)
"""A rule below the heads and no frame, in every encoding: `streams` writes the rule plainly where it must."""

_WIDTH = 120
_UNBOUNDED = 10_000


def console() -> Console:
    """Open standard output; wide enough for the tables where it is no terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=max(found.width, _WIDTH))


def print_verdicts(console: Console, judged: Sequence[Verdict]) -> None:
    """Print a line per scope, and below the table what a person should read of them."""
    reports = [each.report for each in judged]
    console.print(_fitting(console, reports))
    now = datetime.now(UTC)
    lines = [cause.line(now) for cause in verdicts.causes(judged)]
    for line in (*lines, *verdicts.warnings(reports), *verdicts.unmatched(reports)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _fitting(console: Console, reports: Sequence[SyncReport]) -> Table:
    """Make the table with as many columns of numbers as there is room for."""
    unbounded = console.options.update(max_width=_UNBOUNDED)
    tables = [_table(reports, numbers) for numbers in ((*counted(reports), "seconds"), ("seen", "seconds"), ())]
    fitting = (table for table in tables if console.measure(table, options=unbounded).maximum <= console.width)
    return next(fitting, tables[-1])


def _table(reports: Sequence[SyncReport], numbers: Sequence[str]) -> Table:
    table = Table(box=LINES, padding=(0, 1, 0, 0))
    table.add_column("context", overflow="fold")
    table.add_column("resource", overflow="fold")
    table.add_column("status", no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for report in reports:
        color = "green" if report.status == "success" else "yellow" if report.good else "red"
        values = (getattr(report, name) for name in numbers)
        table.add_row(
            escape(report.context_name),
            escape(report.resource),
            f"[{color}]{report.status}[/]",
            *(f"{value:.2f}" if isinstance(value, float) else str(value) for value in values),
        )
    return table


def print_findings(console: Console, findings: Iterable[Finding]) -> None:
    """Print a line per check."""
    table = Table(box=LINES, pad_edge=False)
    for name in ("", "subject", "check", "detail"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        mark = "[red]✗[/]" if not finding.good else "[yellow]![/]" if finding.limited else "[green]✓[/]"
        table.add_row(mark, escape(finding.subject), escape(finding.check), escape(finding.detail))
    console.print(table)
