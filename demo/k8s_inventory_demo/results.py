"""The end of the demo: the tables' rows, how the run went, and where to look next.

Running it is in `run`.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from airflow_provider_k8s_inventory import resources, sync
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.sync import verdicts
from airflow_provider_k8s_inventory.sync.verdicts import Verdict
from k8s_inventory_demo.postgres import programs as postgres_programs

_TABLES: Final = {name: [resources.CATALOGUE[name].table.name] for name in resources.DEFAULT} | {
    "crds": ["k8s_crds", "k8s_custom_resources"]
}
"""The tables of each resource that the DAG syncs."""

_QUESTION: Final = "Which deployments are short of replicas?"
_QUERY: Final = """SELECT context_name, namespace, name, ready, replicas
FROM k8s_deployments WHERE ready < replicas ORDER BY 1, 2, 3 LIMIT 10"""

_CHANGES: Final = ("inserted", "updated", "unchanged", "deleted")


def show_counts(console: Console, conn: psycopg.Connection, contexts: Collection[str]) -> None:
    """Show how many rows every table that the DAG writes has of these contexts."""
    table = Table("resource", "table", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("rows", justify="right")
    for resource, names in _TABLES.items():
        table.add_row(resource, ", ".join(names), str(sum(_rows(conn, name, contexts) for name in names)))
    console.print(table)


def show_reports(console: Console, reports: Sequence[SyncReport]) -> None:
    """Show why scopes failed, what changed, and the line every run ends with."""
    for cause in verdicts.causes(Verdict(report=report) for report in reports if not report.good):
        text = f"{cause.where}: {cause.status}: {cause.reason}"
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    changes = ", ".join(f"{sum(getattr(each, done) for each in reports)} {done}" for done in _CHANGES)
    console.print(f"Rows: {changes}", highlight=False)
    console.print(sync.summary(reports, seconds=_seconds(reports)), highlight=False, soft_wrap=True)


def show_question(console: Console, conn: psycopg.Connection) -> None:
    """Show a question, the SQL that asks it, and the result."""
    cursor = conn.execute(_QUERY)
    table = Table(*(column.name for column in cursor.description or ()), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in cursor:
        table.add_row(*(escape(str(value)) for value in row))
    console.print(f"\n[bold]{_QUESTION}[/]\n[dim]{_QUERY}[/]", highlight=False)
    console.print(table if table.row_count else "None.")


def show_ways_on(console: Console, commands: Mapping[str, str]) -> None:
    """Show where to look next.

    :param commands: what each is good for.
    """
    console.print("[bold]Look around[/]")
    for command, use in commands.items():
        console.print(f"  [dim]# {use}[/]\n  {escape(command)}", highlight=False, soft_wrap=True)


def psql(dsn: str) -> str:
    """Write the command that opens a database: with the system's psql, else with that of our PostgreSQL."""
    program = "psql" if shutil.which("psql") else short(postgres_programs.find().folder / "psql")
    return shlex.join([program, dsn])


def program(name: str = "k8s-inventory") -> str:
    """Write one of our commands as a person would: with its path where the shell does not find it."""
    own = Path(sys.executable).with_name(name)
    return name if shutil.which(name) == str(own) or not own.exists() else short(own)


def short(path: Path) -> str:
    """Write a path as a person in the current folder would."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _rows(conn: psycopg.Connection, table: str, contexts: Collection[str]) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE context_name = ANY(%s)").format(sql.Identifier("public", table))
    row = conn.execute(query, (list(contexts),)).fetchone()
    return int(row[0]) if row else 0


def _seconds(reports: Sequence[SyncReport]) -> float:
    """From the start of the first sync to the end of the last."""
    if not reports:
        return 0
    return (max(each.finished_at for each in reports) - min(each.started_at for each in reports)).total_seconds()
