"""Drop what is old at the end of a command, and say what was done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import click

from airflow_provider_k8s_inventory.postgres import connecting, ledger, retention
from airflow_provider_k8s_inventory.postgres.retention import Pruned
from airflow_provider_k8s_inventory.resources.histories import MOST_DAYS, Histories

DAYS: Final = click.IntRange(0, MOST_DAYS)
"""Days that something is kept; 0: for ever."""
keep_history: Final = click.option(
    "--keep-history",
    metavar="DAYS",
    type=DAYS,
    default=30,
    show_default=True,
    help="Drop history older than this, and rows marked as deleted before; 0: keep all.",
)
keep_syncs: Final = click.option(
    "--keep-syncs",
    metavar="DAYS",
    type=DAYS,
    default=90,
    show_default=True,
    help="Delete lines of the ledger older than this; 0: keep all.",
)


def history(dsn: str, schema: str, days: int, histories: Histories) -> Pruned:
    """Drop old history and marked rows, and say what stays and why.

    :raises DatabaseError: when it cannot be done.
    """
    with connecting.connect(dsn) as conn:
        pruned = retention.prune(conn, schema=schema, days=days, histories=histories)
    for remark in pruned.remarks:
        click.echo(f"warning: {remark}", err=True)
    return pruned


def lines(dsn: str, schema: str, days: int) -> int:
    """Delete old lines of the ledger; return how many.

    :raises DatabaseError: when it cannot be done.
    """
    if not days:
        return 0
    with connecting.connect(dsn) as conn:
        return ledger.prune(conn, schema=schema, keep=timedelta(days=days))


def told(pruned: Pruned, syncs: int) -> Iterator[str]:
    """Say what was done, a line for each kind."""
    if pruned.made:
        yield f"Made ahead: {', '.join(pruned.made)}"
    if pruned.dropped:
        yield f"Dropped: {', '.join(pruned.dropped)}"
    counts = {"Changes": pruned.changes, "Rows marked as deleted": pruned.marked, "Lines of the ledger": syncs}
    yield from (f"{what}: {count:,} deleted" for what, count in counts.items() if count)
