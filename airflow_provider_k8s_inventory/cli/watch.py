"""``k8s-inventory watch``: sync every asked resource of every asked context, then write each change as it comes."""

from __future__ import annotations

import asyncio
import logging
import signal
from asyncio import sslproto
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from airflow_provider_k8s_inventory import sync as core
from airflow_provider_k8s_inventory.cli import health, options, syncing
from airflow_provider_k8s_inventory.cli.failing import exit_with_status
from airflow_provider_k8s_inventory.exceptions import DatabaseError, UsageError
from airflow_provider_k8s_inventory.metrics.text import text
from airflow_provider_k8s_inventory.postgres import connecting, migrations, rights

if TYPE_CHECKING:
    from airflow_provider_k8s_inventory.sync.watcher import Watcher

_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory watch --dsn postgresql://inventory@db.example.com/inventory
  k8s-inventory watch --context 'prod-*' --resource pods --resource '*.cert-manager.io' --health-port 8080
"""
_TLS_BUFFER: Final = 16 << 10
"""Bytes of the buffer of each TLS connection: one record. asyncio gives each 256 KiB, which for the watches of 100
contexts × 7 resources were 160 MB."""
_DAY: Final = 86_400
"""Seconds between two prunings."""


@click.command(epilog=_EXAMPLES)
@options.shared
@options.selecting
@syncing.options
@click.option(
    "--health-port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    help="Serve /healthz, /readyz with the scopes that are not caught up, and /metrics, on this port.",
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="How often what cannot be watched is synced, and new resources are looked for.",
)
@exit_with_status
def watch(
    migrate: Any,
    keep_syncs: int,
    keep_history: int,
    health_port: int | None,
    interval: int,
    schema: str,
    **options_: Any,
) -> None:
    """Keep PostgreSQL at most seconds behind the clusters, until told to stop.

    Exit status: 0 when told to stop by SIGTERM or Ctrl-C, 1 when the database cannot be used at the start, 2 for wrong
    usage.
    """
    asked = options.gather(**{name: options_.pop(name) for name in options.GATHERED})
    settings = syncing.settings(schema=schema, names=asked.names, **options_)
    logging.getLogger("airflow_provider_k8s_inventory.sync.watcher").setLevel(logging.INFO)
    with connecting.connect(asked.dsn) as conn:
        migrations.migrate(conn, schema=schema, mode=migrate)
        if lacking := rights.lacking(conn, schema, watching=True):
            raise DatabaseError(f"a watch may not write here: let the owner of the tables run {'; '.join(lacking)}")
    prune = partial(syncing.prune, asked.dsn, settings, keep_history, keep_syncs)
    sslproto.SSLProtocol.max_size = _TLS_BUFFER
    try:
        asyncio.run(_watch(asked, settings, health_port, interval, prune))
    except OSError as error:
        raise UsageError(f"--health-port {health_port}: {error.strerror or error}") from error


async def _watch(
    asked: options.Asked, settings: core.Settings, port: int | None, interval: int, prune: partial[None]
) -> None:
    # Only here: no other command needs aiohttp.
    from airflow_provider_k8s_inventory.sync.watcher import Watcher

    watcher = Watcher(asked.contexts, asked.names, partial(connecting.connect, asked.dsn), settings, interval=interval)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, watcher.stop.set)
    async with health.serving(port, health.Told(ready=partial(_ready, watcher), metrics=partial(_metrics, watcher))):
        pruning = asyncio.create_task(_prune_daily(prune))
        await watcher.run()
        pruning.cancel()
        with suppress(asyncio.CancelledError):
            await pruning


async def _prune_daily(prune: partial[None]) -> None:
    while True:
        await asyncio.sleep(_DAY)
        await asyncio.to_thread(prune)


def _metrics(watcher: Watcher) -> str:
    return text(watcher.conditions.metrics(), total=True)


def _ready(watcher: Watcher) -> tuple[bool, dict[str, Any]]:
    """Tell if every scope is caught up or known to be failing, and which are not caught up."""
    conditions = watcher.conditions
    behind = [each for each in conditions if not each.caught_up]
    return conditions.ready, {
        "ready": conditions.ready,
        "scopes": len(tuple(conditions)),
        "waiting": sorted(conditions.waiting),
        "behind": [
            {"context_name": each.context_name, "resource": each.resource, "problem": each.problem} for each in behind
        ],
    }
