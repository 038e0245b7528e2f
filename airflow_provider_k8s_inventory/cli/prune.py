"""``k8s-inventory prune``: drop what is older than it is kept, and make the months of history to come."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from airflow_provider_k8s_inventory.cli import options, pruning
from airflow_provider_k8s_inventory.cli.failing import exit_with_status
from airflow_provider_k8s_inventory.cli.sourcefile import SourceFile
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.postgres.retention import Pruned
from airflow_provider_k8s_inventory.resources.histories import Histories

_HISTORY = "Keep a resource for another time; repeatable: pods:90, leases:3, '*.cert-manager.io:0'."

_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory prune --dsn postgresql://inventory@db.example.com/inventory
  k8s-inventory prune --keep-history 14 --history pods:90 --keep-syncs 30
"""


@click.command(epilog=_EXAMPLES)
@pruning.keep_history
@click.option("--history", metavar="RULE", multiple=True, help=_HISTORY)
@pruning.keep_syncs
@options.shared_of_database
@exit_with_status
def prune(
    keep_history: int,
    history: tuple[str, ...],
    keep_syncs: int,
    config_path: Path | None,
    dsn: str | None,
    schema: str,
) -> None:
    """Drop what is older than it is kept, beside running syncs, and make the months of history to come.

    Exit status: 0, 1 when something could not be dropped, 2 for wrong usage.
    """
    histories = Histories.read(history)
    database = options.database(SourceFile(config_path), dsn)
    errors: list[DatabaseError] = []
    pruned, syncs = Pruned(), 0
    try:
        pruned = pruning.history(database, schema, keep_history, histories)
    except DatabaseError as error:
        errors.append(error)
    try:
        syncs = pruning.lines(database, schema, keep_syncs)
    except DatabaseError as error:
        errors.append(error)
    for line in list(pruning.told(pruned, syncs)) or ([] if errors else ["Nothing is older than it is kept."]):
        click.echo(line)
    for message in dict.fromkeys(map(str, errors)):
        click.echo(f"Error: {message}", err=True)
    sys.exit(1 if errors else 0)
