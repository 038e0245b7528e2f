"""``k8s-inventory-demo``: all that the provider does, on one machine."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from airflow_provider_k8s_inventory.cli.failing import exit_with_status
from airflow_provider_k8s_inventory.exceptions import UsageError
from k8s_inventory_demo import run, stage, ui

_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory-demo
  k8s-inventory-demo --break prod
  k8s-inventory-demo --clusters ~/.kube/config --ui
"""


@click.command(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--clusters", metavar="PATH", help="Kubeconfig(s) of real clusters. [default: two simulated ones]")
@click.option("--dsn", metavar="DSN", help="Database for the inventory. [default: a PostgreSQL of the demo's own]")
@click.option("--ui", "with_ui", is_flag=True, help="Serve Airflow's user interface until Ctrl-C.")
@click.option("--break", "broken", metavar="NAME", help="Let a simulated cluster (dev, prod, lab) refuse connections.")
@click.option("--heal", "healed", metavar="NAME", help="Let a broken cluster respond again.")
@click.option("--stop", is_flag=True, help="Stop what the demo left running.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".demo",
    show_default=True,
    help="Where the demo keeps everything.",
)
@click.option(
    "--dags",
    type=click.Path(file_okay=False, path_type=Path),
    default="dags",
    show_default=True,
    help="Folder with the DAG k8s_inventory.",
)
@exit_with_status
def demo(
    clusters: str | None,
    dsn: str | None,
    with_ui: bool,
    broken: str | None,
    healed: str | None,
    stop: bool,
    folder: Path,
    dags: Path,
) -> None:
    """Show it all on this machine: PostgreSQL, simulated clusters, Airflow.

    The DAG syncs two simulated clusters, and the tables are shown; everything is kept in one folder.

    KUBECONFIG and DATABASE_URL are left alone. Exit status: 0, 1 when a scope failed, 2 for wrong usage.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it has processes to take down, which takes its time
    console = Console()
    wanted = stage.Wanted(folder=folder, dags=dags, clusters=clusters, dsn=dsn)
    if stop:
        stage.take_down(console, folder)
    elif broken and healed:
        raise UsageError("give --break or --heal, not both")
    elif name := broken or healed:
        stage.break_or_heal(console, folder, name, is_broken=broken is not None)
    elif with_ui:
        ui.run(console, wanted)
    else:
        sys.exit(0 if run.run(console, wanted) else 1)
