"""``k8s-inventory status``: say from the ledger which scopes are fresh; no cluster is asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.cli import options, printing, streams
from airflow_provider_k8s_inventory.cli.durations import span
from airflow_provider_k8s_inventory.cli.failing import exit_with_status
from airflow_provider_k8s_inventory.cli.sourcefile import SourceFile
from airflow_provider_k8s_inventory.durations import told
from airflow_provider_k8s_inventory.postgres import connecting, freshness
from airflow_provider_k8s_inventory.postgres.freshness import Freshness
from airflow_provider_k8s_inventory.sync import choosing, expanding, verdicts

_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory status --dsn postgresql://inventory@db.example.com/inventory
  k8s-inventory status --stale 30m --context 'prod-*' --exclude prod-lab
  k8s-inventory status --json | jq -r 'select(.state != "fresh") | .context_name' | sort -u
"""

_COLORS: Final = {"fresh": "green", "stale": "yellow", "failing": "red", "never": "red"}


@click.command(epilog=_EXAMPLES)
@click.option(
    "--stale",
    callback=span,
    metavar="TIME",
    default="2h",
    show_default=True,
    help="Age at which a scope's last success is too old: 45s, 90m, 2h, 1d12h.",
)
@options.inventoried_contexts
@click.option("--exclude", metavar="NAME|GLOB", multiple=True, help="Contexts to leave out; repeatable.")
@options.inventoried_resources
@options.shared_of_database
@click.option("--json", "as_json", is_flag=True, help="Print each scope as a line of JSON.")
@exit_with_status
def status(
    stale: timedelta,
    contexts: Sequence[str],
    exclude: Sequence[str],
    names: Sequence[str],
    config_path: Path | None,
    dsn: str | None,
    schema: str,
    as_json: bool,
) -> None:
    """Show which scopes are fresh, from the database alone.

    A scope is stale when its last success is older than --stale, failing when its last sync failed, and never when
    none succeeded.

    Exit status: 0, 1 when a scope is not fresh or was never synced, 2 for wrong usage.
    """
    config = SourceFile(config_path)
    contexts, exclude = options.context_names(config, contexts), streams.decoded(exclude)
    names = options.resource_names(config, names)
    if any(map(resources.is_exclusion, names)):
        expanding.checked(names)
    with connecting.connect(options.database(config, dsn)) as conn:
        scopes = freshness.read(conn, schema)
        chosen = choosing.choose(scopes, contexts, names, choosing.meaning(conn, schema), exclude=exclude)
    states = [scope.state(stale) for scope in chosen]
    missing = choosing.missing(chosen, contexts, names)
    if as_json:
        for scope, state in zip(chosen, states, strict=True):
            click.echo(msgspec.json.encode(_document(scope, state)))
    elif chosen:
        _print(printing.console(), chosen, states)
    for line in missing:
        click.echo(line, err=as_json)
    bad = len(states) - states.count("fresh")
    clusters = len({scope.context_name for scope in chosen})
    click.echo(
        f"Scopes: {len(chosen)}, Clusters: {clusters}, Fresh: {len(states) - bad}, Not fresh: {bad}", err=as_json
    )
    sys.exit(1 if bad or missing else 0)


def _document(scope: Freshness, state: str) -> dict[str, Any]:
    document = scope._asdict()
    age = document.pop("age")
    return document | {"age_seconds": age and round(age.total_seconds(), 3), "state": state}


def _print(console: Console, scopes: Sequence[Freshness], states: Sequence[str]) -> None:
    """Print a line per cluster, and below the table each cause once."""
    table = Table(box=printing.LINES, padding=(0, 1, 0, 0))
    table.add_column("context", overflow="fold")
    for name in ("scopes", "fresh", "oldest"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state")
    causes: dict[tuple[str, str, str], list[Freshness]] = {}
    for context_name in dict.fromkeys(scope.context_name for scope in scopes):
        own = [(s, state) for s, state in zip(scopes, states, strict=True) if s.context_name == context_name]
        ages = [scope.age for scope, _ in own if scope.age is not None]
        found = {state: sum(each == state for _, each in own) for state in _COLORS}
        table.add_row(
            escape(context_name),
            str(len(own)),
            str(found["fresh"]),
            told(max(ages)) if ages else "-",
            ", ".join(f"[{_COLORS[state]}]{state}[/]" for state, count in found.items() if count),
        )
        for scope, state in own:
            if state != "fresh":
                causes.setdefault((context_name, state, _reason(scope)), []).append(scope)
    console.print(table)
    for (context_name, state, reason), own_scopes in causes.items():
        names = ", ".join(each.scope.selected for each in own_scopes)
        line = f"{context_name} · {names}: {state}, {_last_good(own_scopes)}{reason}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _reason(scope: Freshness) -> str:
    return f": {scope.last_status}: {verdicts.first_said(scope.last_reason)}" if scope.last_reason else ""


def _last_good(scopes: Sequence[Freshness]) -> str:
    ages = [scope.age for scope in scopes if scope.age is not None]
    return f"last good {told(max(ages))} ago" if ages else "no sync succeeded"
