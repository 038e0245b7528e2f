"""``k8s-inventory doctor``: say before a sync what would fail in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Final

import click

from airflow_provider_k8s_inventory.cli import options, printing
from airflow_provider_k8s_inventory.cli.failing import exit_with_status
from airflow_provider_k8s_inventory.cli.interrupting import interruptible
from airflow_provider_k8s_inventory.exceptions import DatabaseError, UsageError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.kubeconfig import Context
from airflow_provider_k8s_inventory.postgres import connecting, inventoried, schemas
from airflow_provider_k8s_inventory.sync.doctor import Finding, examine_context, examine_database, weigh
from airflow_provider_k8s_inventory.sync.fleet import MAX_PARALLEL_CONTEXTS
from airflow_provider_k8s_inventory.sync.selections import parse
from airflow_provider_k8s_inventory.sync.threads import thread_pool

_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory doctor --dsn postgresql://inventory@db.example.com/inventory
  k8s-inventory doctor --context dev --resource pods --resource '*.cert-manager.io'
  k8s-inventory doctor --kubeconfig /etc/kubernetes/clusters.yaml --namespace shop
  k8s-inventory doctor --conn-id k8s_inventory_default
"""


@click.command(epilog=_EXAMPLES)
@options.shared
@click.option("--conn-id", metavar="NAME", help="Airflow Connection to take the contexts from, not a kubeconfig.")
@click.option("--allow-exec", is_flag=True, help="With --conn-id: allow its kubeconfig to run commands.")
@options.selecting
@interruptible
@exit_with_status
def doctor(
    schema: str,
    conn_id: str | None,
    allow_exec: bool,
    namespaces: tuple[str, ...],
    labels: tuple[str, ...],
    fields: tuple[str, ...],
    **shared: Any,
) -> None:
    """Check contexts, permissions and the database; change nothing.

    The database is checked if one is given. Marks: ✓ works, ! works with limits, ✗ would fail.

    Exit status: 0, 1 when something would fail, 2 for wrong usage.
    """
    schemas.check(schema)
    selections = parse(namespaces, labels, fields)
    if conn_id and shared["kubeconfig_path"]:
        raise UsageError("give --conn-id or --kubeconfig, not both")
    select = partial(_of_connection, conn_id, allow_exec) if conn_id else None
    asked = options.gather(**shared, select=select, database_needed=False)
    selections.check(asked.names)

    def examine(context: Context) -> list[Finding]:
        with Client(context) as client, ExitStack() as stack:
            conn = None
            with suppress(DatabaseError):  # which has a finding of its own
                conn = stack.enter_context(connecting.connect(asked.dsn)) if asked.dsn else None
            return list(examine_context(client, asked.names, selections=selections, conn=conn, schema=schema))

    with thread_pool(MAX_PARALLEL_CONTEXTS, "k8s-inventory-doctor") as pool:
        per_context = [pool.submit(examine, context) for context in asked.contexts]
        findings = [*_database(asked.dsn, schema), *(finding for found in per_context for finding in found.result())]
    findings = weigh(findings, partial(_synced, asked.dsn, schema))
    printing.print_findings(printing.console(), findings)
    failing = sum(not finding.good for finding in findings)
    limited = sum(finding.good and finding.limited for finding in findings)
    said = [f"{failing} would fail"] * bool(failing) + [f"{limited} would do with less"] * bool(limited)
    click.echo(f"{len(findings)} checks, {', '.join(said) or 'all good'}.")
    sys.exit(1 if failing else 0)


def _of_connection(
    conn_id: str, allow_exec: bool, contexts: Sequence[str], exclude: Sequence[str]
) -> tuple[Context, ...]:
    """Read the contexts of an Airflow Connection; only here the command line imports Airflow, which takes seconds."""
    from airflow.models.connection import Connection
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_provider_k8s_inventory.hooks.kubernetes import KubernetesInventoryHook

    class Hook(KubernetesInventoryHook):
        # Outside of Airflow's own processes, the hooks' own way never asks the metadata database:
        # `ensure_secrets_backend_loaded` in airflow/sdk/execution_time/supervisor.py.
        get_connection = Connection.get_connection_from_secrets

    try:
        return Hook(conn_id, allow_exec=allow_exec).contexts(contexts, exclude)
    except AirflowNotFoundException as error:
        raise UsageError(
            f"Airflow finds no connection {conn_id!r}, or cannot read its database: look at `airflow connections list`"
        ) from error


def _synced(dsn: str, schema: str) -> set[str]:
    with suppress(DatabaseError):
        if dsn:
            with connecting.connect(dsn) as conn:
                return inventoried.synced(conn, schema)
    return set()


def _database(dsn: str, schema: str) -> Iterator[Finding]:
    if not dsn:
        detail = "not checked: give --dsn, set DATABASE_URL, or database_url in --config"
        yield Finding(subject="database", check="named", good=True, limited=True, detail=detail)
        return
    try:
        with connecting.connect(dsn) as conn:
            yield from examine_database(conn, schema)
    except DatabaseError as error:
        yield Finding(subject="database", check="reachable", good=False, detail=str(error))
