"""``k8s-inventory sync``: sync every asked resource of every asked context, and say how it went."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import psycopg
from rich.console import Console

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory import sync as core
from airflow_provider_k8s_inventory.cli import logs, metricsfile, options, printing, syncing
from airflow_provider_k8s_inventory.cli.durations import span
from airflow_provider_k8s_inventory.cli.failing import exit_with_status
from airflow_provider_k8s_inventory.cli.interrupting import interruptible
from airflow_provider_k8s_inventory.cli.progress import SyncProgress
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.postgres import connecting, inventoried, migrations, scopes
from airflow_provider_k8s_inventory.sync import absences, expanding, verdicts
from airflow_provider_k8s_inventory.sync.fleet import run_fleet

_TOLERATE = "Context that may be unreachable without failing the run; repeatable."
_TOLERATE_FOR = "Longest time since its last good sync that --tolerate allows: 30m, 24h, 7d."


_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory sync --dsn postgresql://inventory@db.example.com/inventory
  k8s-inventory sync --context 'prod-*' --exclude prod-lab --resource pods --resource '*.cert-manager.io'
  k8s-inventory sync --json | jq -r 'select(.status != "success") | .context_name + ": " + .reason'
"""


@click.command(epilog=_EXAMPLES)
@options.shared
@options.selecting
@syncing.options
@click.option("--tolerate", metavar="NAME|GLOB", multiple=True, help=_TOLERATE)
@click.option("--tolerate-for", callback=span, metavar="TIME", default="24h", show_default=True, help=_TOLERATE_FOR)
@metricsfile.option
@logs.option
@click.option("--json", "as_json", is_flag=True, help="Print each scope as a line of JSON.")
@interruptible
@exit_with_status
def sync(
    migrate: Any,
    tolerate: tuple[str, ...],
    tolerate_for: timedelta,
    keep_syncs: int,
    keep_history: int,
    metrics_file: Path | None,
    as_json: bool,
    schema: str,
    **options_: Any,
) -> None:
    """List resources per context, and write them to PostgreSQL.

    Exit status: 0, 1 when a scope failed or no context serves a resource, 2 for wrong usage.
    """
    asked = options.gather(**{name: options_.pop(name) for name in options.GATHERED})
    tolerance = verdicts.Tolerance(contexts=tolerate, longest=tolerate_for)
    settings = syncing.settings(schema=schema, names=asked.names, **options_)
    started = time.monotonic()
    with connecting.connect(asked.dsn) as conn:
        migrations.migrate(conn, schema=schema, mode=migrate)
    remarks: list[str] = []
    reports = _run(asked, settings, as_json, remarks)
    nowhere = absences.everywhere(reports, partial(_synced, asked.dsn, schema))
    if as_json:
        for each in nowhere:
            logs.say(f"{each.resource}: {each.reason or each.warnings[0]}", err=True)
    reports += nowhere
    judged = _judge(reports, asked.dsn, schema, tolerance)
    metricsfile.write(metrics_file, judged)
    errors = sum(each.error for each in judged)
    if not as_json:
        printing.print_verdicts(printing.console(), judged)
    for remark in sorted(remarks):
        logs.say(remark, err=as_json)
    syncing.prune(asked.dsn, settings, keep_history, keep_syncs)
    logs.say(core.summary(reports, seconds=time.monotonic() - started, errors=errors), err=as_json)
    sys.exit(1 if errors else 0)


def _synced(dsn: str, schema: str) -> set[str]:
    """List the resources that were ever synced; none where the database does not say, and a name is then in doubt."""
    with suppress(DatabaseError), connecting.connect(dsn) as conn:
        return inventoried.synced(conn, schema)
    return set()


def _judge(
    reports: Sequence[SyncReport], dsn: str, schema: str, tolerance: verdicts.Tolerance
) -> list[verdicts.Verdict]:
    """Judge what was read, as far as the database tells the past of what is not good."""
    bad = [report.scope for report in reports if not report.good]
    past = {}
    with suppress(DatabaseError, psycopg.Error):
        if bad:
            with connecting.connect(dsn) as conn:
                past = scopes.past(conn, schema=schema, scopes=bad)
    return verdicts.judge(reports, past, tolerance, now=datetime.now(UTC))


def _run(asked: options.Asked, settings: core.Settings, as_json: bool, remarks: list[str]) -> list[SyncReport]:
    """Sync, with a progress bar on a terminal; the reports in the order they were asked for.

    :param remarks: gets what is to be said of contexts.
    """
    reports: list[SyncReport] = []
    known = expanding.catalogued(asked.names)
    connect = partial(connecting.connect, asked.dsn)
    with SyncProgress(Console(stderr=True), len(asked.contexts) * len(known)) as progress:
        for report in run_fleet(
            asked.contexts, asked.names, connect, settings, under_way=progress.under_way, remark=remarks.append
        ):
            if as_json:
                click.echo(msgspec.json.encode(report.as_dict()))
            logs.ended(report)
            reports.append(report)
            progress.step()
    places = {context.name: place for place, context in enumerate(asked.contexts)}
    order = {name: place for place, name in enumerate(dict.fromkeys((*known, *resources.CATALOGUE)))}
    return sorted(
        reports,
        key=lambda report: (places[report.context_name], order.get(report.resource, len(order)), report.resource),
    )
