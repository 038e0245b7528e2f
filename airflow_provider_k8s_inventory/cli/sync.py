"""``k8s-inventory sync``: sync every asked resource of every asked context, and say how it went."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec
import psycopg
from rich.console import Console

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory import sync as core
from airflow_provider_k8s_inventory.cli import logs, metricsfile, options, printing, pruning
from airflow_provider_k8s_inventory.cli.durations import span
from airflow_provider_k8s_inventory.cli.failing import exit_with_status
from airflow_provider_k8s_inventory.cli.interrupting import interruptible
from airflow_provider_k8s_inventory.cli.progress import SyncProgress
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.kube.listing import PAGE_SIZE
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.postgres import connecting, inventoried, migrations, scopes
from airflow_provider_k8s_inventory.resources import histories
from airflow_provider_k8s_inventory.resources.redaction import KEEPABLE
from airflow_provider_k8s_inventory.sync import absences, expanding, verdicts
from airflow_provider_k8s_inventory.sync.fleet import run_fleet
from airflow_provider_k8s_inventory.sync.selections import parse
from airflow_provider_k8s_inventory.sync.settings import AskedMode

_VERIFY = "In delta mode, check against all metadata every N syncs, and once a day; 0: never."
_MODE = "Read all objects, their metadata first, or only changes since the last sync; auto: the cheapest safe one."
_PARALLEL = "Maximum number of parallel requests to one cluster."
_TOLERATE = "Context that may be unreachable without failing the run; repeatable."
_TOLERATE_FOR = "Longest time since its last good sync that --tolerate allows: 30m, 24h, 7d."
_REDACT = (
    "Take out before anything is stored; repeatable: env-values, configmap-values, annotations:GLOB, or a path such as "
    ".spec.token or pods:.spec.containers[*].args."
)
_KEEP_EVENTS = "Days that events stay after the API server has forgotten them; 0: they go as others do."
_HISTORY = (
    "Keep, or not, the history of changes; repeatable: off, pods:90 (days), leases:on, or a path whose changes mean "
    "nothing, such as pods:status.x."
)
_NO_HISTORY = "Keep no history, or none of this resource; repeatable."
_PAGE_SIZE = "Maximum number of objects per request; fewer if they are large."


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
@click.option("--no-object", is_flag=True, help="Do not store whole objects: leave the column object empty.")
@click.option("--redact", metavar="RULE", multiple=True, help=_REDACT)
@click.option(
    "--keep", type=click.Choice(KEEPABLE), multiple=True, help="Store what is left out otherwise; repeatable."
)
@click.option(
    "--on-delete",
    type=click.Choice(["delete", "mark"]),
    default="delete",
    show_default=True,
    help="Delete the rows of objects that are gone, or mark them in deleted_at.",
)
@click.option("--allow-mass-delete", is_flag=True, help="Let a sync delete more than half of a scope of over 100 rows.")
@click.option("--max-deletes", metavar="N", type=click.IntRange(0), help="Let a sync delete up to N rows of a scope.")
@click.option("--accept-new-cluster", is_flag=True, help="Accept that a context points to another cluster than before.")
@click.option("--mode", type=click.Choice(get_args(AskedMode)), default="auto", show_default=True, help=_MODE)
@click.option("--verify-every", metavar="N", type=click.IntRange(0), default=24, show_default=True, help=_VERIFY)
@click.option(
    "--max-parallel-requests", metavar="N", type=click.IntRange(1), default=4, show_default=True, help=_PARALLEL
)
@click.option(
    "--migrate",
    type=click.Choice(["safe", "forced"]),
    default="safe",
    show_default=True,
    help="Bring the tables up to date first; forced: even where that destroys data.",
)
@click.option("--tolerate", metavar="NAME|GLOB", multiple=True, help=_TOLERATE)
@click.option("--tolerate-for", callback=span, metavar="TIME", default="24h", show_default=True, help=_TOLERATE_FOR)
@click.option("--page-size", metavar="N", type=click.IntRange(1), default=PAGE_SIZE, show_default=True, help=_PAGE_SIZE)
@click.option("--keep-events", metavar="DAYS", type=click.IntRange(0), default=7, show_default=True, help=_KEEP_EVENTS)
@click.option(
    "--keep-syncs", metavar="DAYS", type=click.IntRange(0), default=90, show_default=True, help=pruning.KEEP_SYNCS
)
@click.option("--history", metavar="RULE", multiple=True, help=_HISTORY)
@click.option(
    "--no-history", metavar="[NAME|GLOB]", multiple=True, is_flag=False, flag_value=histories.ALL, help=_NO_HISTORY
)
@click.option(
    "--keep-history", metavar="DAYS", type=click.IntRange(0), default=30, show_default=True, help=pruning.KEEP_HISTORY
)
@metricsfile.option
@logs.option
@click.option("--json", "as_json", is_flag=True, help="Print each scope as a line of JSON.")
@interruptible
@exit_with_status
def sync(
    namespaces: tuple[str, ...],
    labels: tuple[str, ...],
    fields: tuple[str, ...],
    no_object: bool,
    redact: tuple[str, ...],
    keep: tuple[str, ...],
    on_delete: Any,
    allow_mass_delete: bool,
    max_deletes: int | None,
    accept_new_cluster: bool,
    mode: Any,
    verify_every: int,
    max_parallel_requests: int,
    page_size: int,
    migrate: Any,
    tolerate: tuple[str, ...],
    tolerate_for: timedelta,
    keep_events: int,
    keep_syncs: int,
    history: tuple[str, ...],
    no_history: tuple[str, ...],
    keep_history: int,
    metrics_file: Path | None,
    as_json: bool,
    schema: str,
    **shared: Any,
) -> None:
    """List resources per context, and write them to PostgreSQL.

    Exit status: 0, 1 when a scope failed or no context serves a resource, 2 for wrong usage.
    """
    asked = options.gather(**shared)
    selections = parse(namespaces, labels, fields)
    selections.check(asked.names)
    tolerance = verdicts.Tolerance(contexts=tolerate, longest=tolerate_for)
    settings = core.Settings(
        schema=schema,
        selections=selections,
        store_object=not no_object,
        redact=redact,
        keep=keep,
        on_delete=on_delete,
        allow_mass_delete=allow_mass_delete,
        max_deletes=max_deletes,
        accept_new_cluster=accept_new_cluster,
        mode=mode,
        verify_every=verify_every,
        keep_events=keep_events,
        histories=_histories(history, no_history),
        max_parallel_requests=max_parallel_requests,
        page_size=page_size,
    )
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
    _prune(asked.dsn, settings, keep_history, keep_syncs)
    logs.say(core.summary(reports, seconds=time.monotonic() - started, errors=errors), err=as_json)
    sys.exit(1 if errors else 0)


def _histories(history: tuple[str, ...], no_history: tuple[str, ...]) -> histories.Histories:
    """Read the rules of both options: what is off for all comes first, what is off for some last."""
    of_all = [f"{histories.ALL}:{histories.OFF}"] if histories.ALL in no_history else []
    of_some = [f"{each}:{histories.OFF}" for each in no_history if each != histories.ALL]
    return histories.Histories.read([*of_all, *history, *of_some])


def _synced(dsn: str, schema: str) -> set[str]:
    """List the resources that were ever synced; none where the database does not say, and a name is then in doubt."""
    with suppress(DatabaseError), connecting.connect(dsn) as conn:
        return inventoried.synced(conn, schema)
    return set()


def _prune(dsn: str, settings: core.Settings, keep_history: int, keep_syncs: int) -> None:
    """Drop what is old; a sync is no worse for what stays."""
    for prune in (
        partial(pruning.lines, dsn, settings.schema, keep_syncs),
        partial(pruning.history, dsn, settings.schema, keep_history, settings.histories),
    ):
        try:
            prune()
        except DatabaseError as error:
            logs.say(f"warning: {error}", err=True, level=logging.WARNING)


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
