"""``k8s-inventory show``: print an object as it is, or was, and how it differs; no cluster is asked."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import psycopg
import yaml
from rich.text import Text

from airflow_provider_k8s_inventory.cli import moments, options, printing, streams
from airflow_provider_k8s_inventory.cli.failing import exit_with_status
from airflow_provider_k8s_inventory.cli.sourcefile import SourceFile
from airflow_provider_k8s_inventory.exceptions import InventoryError, UsageError
from airflow_provider_k8s_inventory.postgres import changed, connecting, inventoried, recalled
from airflow_provider_k8s_inventory.postgres.changed import Moment
from airflow_provider_k8s_inventory.postgres.recalled import Known
from airflow_provider_k8s_inventory.sync import choosing, expanding

_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory show prod deploy web -n shop
  k8s-inventory show prod deploy web -n shop --at 2026-11-27T11:00
  k8s-inventory show prod deploy web -n shop --diff 2h
  k8s-inventory show prod deploy web -n shop --diff 2026-11-27T11:00 --at 2026-11-27T11:30
"""

_COLORS: Final = {"+++": "bold", "---": "bold", "@": "cyan", "+": "green", "-": "red"}
"""The colours of lines of a difference, by how they begin."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


@click.command(epilog=_EXAMPLES)
@click.argument("context")
@click.argument("resource")
@click.argument("name")
@click.option("-n", "--namespace", metavar="NAME", help="Its namespace, where several have such an object.")
@click.option("--at", callback=moments.moment, metavar="TIME", help=f"As it was then: {moments.HELP}")
@click.option("--diff", "since", callback=moments.moment, metavar="TIME", help="How it differs from what it was then.")
@options.shared_of_database
@exit_with_status
def show(
    context: str,
    resource: str,
    name: str,
    namespace: str | None,
    at: Moment | None,
    since: Moment | None,
    config_path: Path | None,
    dsn: str | None,
    schema: str,
) -> None:
    """Print an object as YAML, as it is or was, from the database alone.

    Where objects are not stored, the columns of its row are printed.

    Exit status: 0, 1 when it was not there or that is not known, 2 for wrong usage.
    """
    context, name = streams.decoded([context, name])
    with connecting.connect(options.database(SourceFile(config_path), dsn)) as conn:
        found = _resource(conn, schema, context, resource)
        known = _of_one_namespace(recalled.known(conn, schema, context, found, name), f"{found} {name}", namespace)
        what = f"{found} {'/'.join(filter(None, (known[0].namespace, name)))} of context {context}"
        times = [None if moment is None else changed.time(conn, schema, moment) for moment in (since, at)]
        uids = [each.uid for each in known]
        then, now = (recalled.row(conn, schema, context, found, uids, time) for time in times)
    if since is None:
        _print(now, f"{what} was not there {_named(times[1])}{_ended(known)}")
    else:
        _print_difference(what, (then, now), times)


def _resource(conn: psycopg.Connection, schema: str, context: str, written: str) -> str:
    """Find the name of a resource by which the inventory calls it.

    :raises UsageError: when the context never had it, or several of that name.
    """
    scopes = [each for each in changed.coverage(conn, schema) if each.context_name == context]
    if not scopes:
        raise UsageError(f"context {context} was never synced; `k8s-inventory status` shows those that were")
    meant = expanding.likely(written, partial(inventoried.lookup, conn, schema))
    names = sorted({each.resource for each in scopes})
    found = [name for name in names if name == meant] or [n for n in names if choosing.is_resource(written, n)]
    if len(found) != 1:
        said = f"several: {', '.join(found)}" if found else f"none of {', '.join(names)}"
        raise UsageError(f"{written!r} means {said} of context {context}")
    return found[0]


def _of_one_namespace(known: list[Known], what: str, namespace: str | None) -> list[Known]:
    """Keep the objects of one namespace, of which all but one are gone.

    :raises InventoryError: when there is none.
    :raises UsageError: when several namespaces have one.
    """
    found = [each for each in known if namespace in (None, each.namespace)]
    if not found:
        place = f" in namespace {namespace}" if namespace else ""
        raise InventoryError(f"no {what} is known{place}, now or before: `k8s-inventory changes` shows what is")
    there = {each.namespace for each in found if each.ended is None} or {each.namespace for each in found}
    if len(there) > 1:
        names = ", ".join(sorted(name or "" for name in there))
        raise UsageError(f"several namespaces have {what}: name one of {names} by -n")
    return [each for each in found if each.namespace in there]


def _named(time: datetime | None) -> str:
    return f"at {time.astimezone().isoformat(' ', 'seconds')}" if time else "now"


def _ended(known: Sequence[Known]) -> str:
    """Say when an object went, that is there no more."""
    ended = known[0].ended
    return f": it is gone since {ended.astimezone().isoformat(' ', 'seconds')} at the latest" if ended else ""


def _print(row: dict[str, Any] | None, absent: str) -> None:
    if row is None:
        raise InventoryError(absent)
    if row["object"] is None:
        click.echo("The object is not stored; these are the columns of its row.", err=True)
    click.echo(_yaml(row), nl=False)


def _yaml(row: dict[str, Any] | None, *, columns: bool = False) -> str:
    """Write an object, or the columns where none is stored, as kubectl does.

    :param columns: write the columns whatever is stored.
    """
    if row is None:
        return ""
    stored = row.pop("object")
    content = row if columns or stored is None else stored
    return yaml.dump(content, Dumper=_Dumper, allow_unicode=True, default_flow_style=False, width=10_000)


def _print_difference(what: str, rows: Sequence[dict[str, Any] | None], times: Sequence[datetime | None]) -> None:
    """Print the lines that differ, with some around them."""
    if rows[0] is None and rows[1] is None:
        raise InventoryError(f"{what} was there neither {_named(times[0])} nor {_named(times[1])}")
    columns = any(row is not None and row["object"] is None for row in rows)
    if columns:
        click.echo("The object is not stored; these are the columns of its row.", err=True)
    titles = [f"{what} {_named(time)}{'' if row else ': not there'}" for row, time in zip(rows, times, strict=True)]
    earlier, later = (_yaml(row, columns=columns).splitlines() for row in rows)
    lines = list(difflib.unified_diff(earlier, later, titles[0], titles[1], lineterm=""))
    console = printing.console()
    for line in lines:
        style = next((color for begin, color in _COLORS.items() if line.startswith(begin)), "")
        console.print(Text(line, style=style), soft_wrap=True)
    if not lines:
        click.echo(f"{what} did not change between {_named(times[0])[3:]} and {_named(times[1])}.", err=True)
