"""``k8s-inventory demo``: everything this package does, on one machine. What that is, is in the package `demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from airflow_provider_k8s_inventory.cli.failing import speaking
from airflow_provider_k8s_inventory.demo import run, stage, ui


@click.command()
@click.option("--clusters", metavar="PATH", help="Kubeconfig(s) of real clusters. [default: two simulated ones]")
@click.option("--dsn", metavar="DSN", help="Database for the inventory. [default: a PostgreSQL of the demo's own]")
@click.option("--ui", "with_ui", is_flag=True, help="Serve Airflow's user interface until Ctrl-C.")
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
@speaking
def demo(clusters: str | None, dsn: str | None, with_ui: bool, stop: bool, folder: Path, dags: Path) -> None:
    """Sync two simulated clusters into a PostgreSQL of our own, by Airflow, and show what came of it.

    KUBECONFIG and DATABASE_URL are left alone. Exit status: 0, 1 when a scope failed, 2 for wrong usage.
    """
    console = Console()
    wanted = stage.Wanted(folder=folder, dags=dags, clusters=clusters, dsn=dsn)
    if stop:
        stage.take_down(console, folder)
    elif with_ui:
        ui.run(console, wanted)
    else:
        sys.exit(0 if run.run(console, wanted) else 1)
