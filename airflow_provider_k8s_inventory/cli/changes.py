"""``k8s-inventory changes``: say from the database what changed, and when; no cluster is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_k8s_inventory import resources, selectors
from airflow_provider_k8s_inventory.cli import moments, options, printing, streams
from airflow_provider_k8s_inventory.cli.failing import exit_with_status
from airflow_provider_k8s_inventory.cli.sourcefile import SourceFile
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.postgres import changed, connecting
from airflow_provider_k8s_inventory.postgres.changed import Change, Coverage, Moment, Wanted
from airflow_provider_k8s_inventory.sync import choosing, expanding, verdicts

_NAMED: Final = 8
"""Scopes that are named in one line; of more, people are told how many."""
_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory changes --dsn postgresql://inventory@db.example.com/inventory
  k8s-inventory changes --since 2026-11-27T11:00 --until 2026-11-27T11:30 -n shop
  k8s-inventory changes --since 7d --context prod --resource deploy --name web
  k8s-inventory changes --json | jq -r 'select(.change == "deleted") | .name'
"""

_COLORS: Final = {
    "created": "green",
    "recreated": "cyan",
    "updated": "yellow",
    "deleted": "red",
    "unselected": "bright_black",
}
_WIDEST: Final = 48
"""Characters that names are given at most, before they take a second line."""


@click.command(epilog=_EXAMPLES)
@click.option("--since", callback=moments.moment, metavar="TIME", default="1d", show_default=True, help=moments.HELP)
@click.option("--until", callback=moments.moment, metavar="TIME", help="Only what may have happened before then.")
@options.inventoried_contexts
@options.inventoried_resources
@click.option(
    "-n",
    "--namespace",
    "namespaces",
    metavar="NAME|GLOB",
    multiple=True,
    help="Only these namespaces, or with ! in front all but these; repeatable.",
)
@click.option("--name", "objects", metavar="NAME|GLOB", multiple=True, help="Only objects of these names; repeatable.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=200,
    show_default=True,
    help="How many at most, of the newest.",
)
@options.shared_of_database
@click.option("--json", "as_json", is_flag=True, help="Print each change as a line of JSON.")
@exit_with_status
def changes(
    since: Moment,
    until: Moment | None,
    contexts: Sequence[str],
    names: Sequence[str],
    namespaces: Sequence[str],
    objects: Sequence[str],
    limit: int,
    config_path: Path | None,
    dsn: str | None,
    schema: str,
    as_json: bool,
) -> None:
    """Show what changed, the newest last, from the database alone.

    A change came after the time on the left and not later than the one on the right: several changes between two syncs
    are one. Times are of this machine's zone.

    Exit status: 0, 1 when a context or resource was never synced, 2 for wrong usage.
    """
    config = SourceFile(config_path)
    contexts, names = options.context_names(config, contexts), options.resource_names(config, names)
    objects = streams.decoded(objects)
    asked = selectors.namespaces(namespaces)
    if any(map(resources.is_exclusion, names)):
        expanding.checked(names)
    with connecting.connect(options.database(config, dsn)) as conn:
        known = changed.coverage(conn, schema)
        chosen = choosing.choose(known, contexts, names, choosing.meaning(conn, schema))
        context_names, resource_names = changed.distinct(chosen)
        begin = changed.time(conn, schema, since)
        end = None if until is None else changed.time(conn, schema, until)
        if end and end < begin:
            raise UsageError(f"--until {_time(end)} is before --since {_time(begin)}: nothing is between them")
        wanted = Wanted(
            contexts=tuple(context_names) if contexts else None,
            resources=tuple(resource_names) if names else None,
            namespaces=selectors.namespace_pattern(asked) if asked else None,
            names=tuple(objects),
            since=begin,
            until=end,
            limit=limit + 1,
        )
        # What names and globs mean of nothing is nothing, and not everything.
        nothing = (contexts and not context_names) or (names and not resource_names)
        found = [] if nothing else changed.read(conn, schema, wanted)
    more, found = len(found) > limit, found[:limit][::-1]
    if as_json:
        for change in found:
            click.echo(msgspec.json.encode(change._asdict()))
    else:
        _print(printing.console(), found)
    missing = choosing.missing(chosen, contexts, names)
    for line in (*missing, *_unknown(chosen, wanted.since)):
        click.echo(line, err=as_json)
    if more:
        click.echo(f"These are the newest {limit} of more: see them all by --limit.", err=as_json)
    clusters = len({change.context_name for change in found})
    click.echo(f"Changes: {len(found)}, Clusters: {clusters}, since {_time(wanted.since)}", err=as_json)
    sys.exit(1 if missing else 0)


def _unknown(chosen: Sequence[Coverage], since: datetime) -> list[str]:
    """Say what is not known of the time that was asked for, each thing once."""
    said: dict[tuple[str, str], list[str]] = {}
    for each in chosen:
        for place in _gaps(each):
            said.setdefault(place, []).append(each.scope.selected)
    lines = [f"{where}{_listed(names)}: {text}" for (where, text), names in said.items()]
    return [*_begun(chosen, since), *lines]


def _begun(chosen: Iterable[Coverage], since: datetime) -> Iterator[str]:
    """Say of which scopes changes are known for a part of the time: one line for those that began in one minute."""
    begun: dict[tuple[str, datetime], list[tuple[datetime, str]]] = {}
    for each in chosen:
        if each.known_since and each.known_since > since:
            minute = each.known_since.replace(second=0, microsecond=0)
            begun.setdefault((each.context_name, minute), []).append((each.known_since, each.scope.selected))
    for (context_name, _), several in sorted(begun.items()):
        latest = max(time for time, _ in several)
        said = _listed(name for _, name in several) if len(several) <= _NAMED else f"{len(several)} scopes"
        yield f"{context_name} · {said}: changes are known since {_time(latest)} only"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _gaps(each: Coverage) -> Iterator[tuple[str, str]]:
    """Say where and what else is not known of a scope."""
    if each.known_since is None:
        yield "", "no history is kept"
    if each.is_open:
        begin = f" since {_time(each.last_proven_at)}" if each.last_proven_at else ""
        said = f": {verdicts.first_said(each.last_reason)}" if each.last_reason else ""
        yield f"{each.context_name} · ", f"not known{begin}: {each.last_status}{said}"


def _time(time: datetime) -> str:
    return time.astimezone().isoformat(" ", "seconds")


def _print(console: Console, found: Sequence[Change]) -> None:
    """Print a part for each day, in it one for each minute and cluster, and in that a line for each change."""
    widths = [
        min(_WIDEST, max((len(text) for text in texts), default=0))
        for texts in ([change.resource for change in found], [change.place for change in found])
    ]
    day = None
    for (minute, context_name), own in groupby(sorted(found, key=_part), _part):
        if minute.date() != day:
            day = minute.date()
            console.print(Text(f"{minute:%A, %d %B %Y} ({minute:%Z})", style="bold"), soft_wrap=True)
        several = list(own)
        head = Text("  ").append(_interval(several), style="bold").append("  ").append(context_name, style="cyan")
        console.print(head, soft_wrap=True)
        console.print(_lines(several, widths))


def _part(change: Change) -> tuple[datetime, str]:
    """Tell which changes are printed together: those that one run of syncs found in a cluster, mostly."""
    return change.not_later_than.astimezone().replace(second=0, microsecond=0), change.context_name


def _interval(several: Sequence[Change]) -> str:
    """Write between which times they were, with the day of the first only where it is another one."""
    end = max(change.not_later_than for change in several).astimezone()
    begins = [change.after for change in several if change.after]
    if len(begins) < len(several):
        return f"until {end:%H:%M:%S}"
    begin = min(begins).astimezone()
    day = "" if begin.date() == end.date() else f"{begin:%d %b} "
    return f"{day}{begin:%H:%M:%S} to {end:%H:%M:%S}"


def _lines(found: Sequence[Change], widths: Sequence[int]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=2)
    table.add_column(width=max(map(len, _COLORS)), no_wrap=True)
    for width in widths:
        table.add_column(width=width, overflow="fold")
    table.add_column(overflow="fold")
    for change in found:
        by = Text(f"  by {change.changed_by}" if change.summary else f"by {change.changed_by}", style="bright_black")
        said = Text(change.summary or "")
        table.add_row(
            "",
            Text(change.change, style=_COLORS.get(change.change, "")),
            Text(change.resource),
            Text(change.place),
            said.append_text(by) if change.changed_by else said,
        )
    return table
