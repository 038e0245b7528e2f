"""``k8s-inventory doctor``: say before a sync what would fail in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any, Final

import click

from airflow_provider_k8s_inventory.cli import options, printing
from airflow_provider_k8s_inventory.cli.failing import speaking
from airflow_provider_k8s_inventory.cli.interrupting import interruptible
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.kube.kubeconfig import Context
from airflow_provider_k8s_inventory.postgres import connecting
from airflow_provider_k8s_inventory.sync.doctor import Finding, examine_context, examine_database
from airflow_provider_k8s_inventory.sync.fleet import MAX_PARALLEL_CONTEXTS
from airflow_provider_k8s_inventory.sync.workers import workers

_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory doctor --dsn postgresql://inventory@db.example.com/inventory
  k8s-inventory doctor --context dev --resource pods --resource '*.cert-manager.io'
  k8s-inventory doctor --kubeconfig /etc/kubernetes/clusters.yaml --schema inventory
"""


@click.command(epilog=_EXAMPLES)
@options.shared
@interruptible
@speaking
def doctor(schema: str, **shared: Any) -> None:
    """Check contexts, permissions and database; nothing is changed.

    Exit status: 0, 1 when something would fail, 2 for wrong usage.
    """
    asked = options.gather(**shared)

    def examine(context: Context) -> list[Finding]:
        with Client(context) as client, ExitStack() as stack:
            conn = None
            with suppress(DatabaseError):  # which has a finding of its own
                conn = stack.enter_context(connecting.connect(asked.dsn))
            return list(examine_context(client, asked.names, conn=conn, schema=schema))

    with workers(MAX_PARALLEL_CONTEXTS, "k8s-inventory-doctor") as crew:
        per_context = [crew.submit(examine, context) for context in asked.contexts]
        findings = [*_database(asked.dsn, schema), *(finding for found in per_context for finding in found.result())]
    printing.print_findings(printing.console(), findings)
    failing = [finding for finding in findings if not finding.good]
    click.echo(
        f"{len(findings)} checks, {len(failing)} would fail." if failing else f"{len(findings)} checks, all good."
    )
    sys.exit(1 if failing else 0)


def _database(dsn: str, schema: str) -> Iterator[Finding]:
    try:
        with connecting.connect(dsn) as conn:
            yield from examine_database(conn, schema)
    except DatabaseError as error:
        yield Finding(subject="database", check="reachable", good=False, detail=str(error))
