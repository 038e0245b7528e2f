"""The stage of the demo: PostgreSQL, clusters and an Airflow home, started or found running, in one folder.

What is played is in `run` and `ui`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg import errors
from rich.console import Console

from airflow_provider_k8s_inventory.exceptions import KubeconfigError, UsageError
from airflow_provider_k8s_inventory.postgres import connecting
from k8s_inventory_demo import results, simulated
from k8s_inventory_demo.airflow.home import AirflowHome
from k8s_inventory_demo.postgres.server import PostgresServer
from k8s_inventory_demo.steps import step

DAG_ID: Final = "k8s_inventory"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The options of the demo."""

    folder: Path
    """The folder that everything is kept in; for example ``.demo``."""
    dags: Path
    """The folder with the DAG `k8s_inventory`."""
    clusters: str | None = None
    """A kubeconfig, or several as in KUBECONFIG; None: the simulated clusters."""
    dsn: str | None = None
    """The database of the inventory; None: one in a PostgreSQL of our own."""


def set_up(console: Console, wanted: Wanted, *, airflow: str) -> AirflowHome:
    """Start what does not run.

    :param airflow: the name of the database that Airflow keeps its own things in.
    :raises UsageError: there is no DAG to run, or no kubeconfig where one should be.
    :raises InventoryError: something does not start, or the database cannot be reached.
    """
    if not (wanted.dags / f"{DAG_ID}.py").exists():
        raise UsageError(f"there is no {DAG_ID}.py in {wanted.dags.absolute()}: run the demo from a checkout")
    given = _given(wanted.clusters) if wanted.clusters else None
    if wanted.dsn:
        connecting.connect(wanted.dsn).close()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    folder = wanted.folder.resolve()
    server = _start_postgres(console, folder)
    return AirflowHome(
        folder=folder / "airflow",
        dags=wanted.dags.resolve(),
        database=_database(server, airflow),
        inventory=wanted.dsn or _database(server, "inventory"),
        kubeconfig=given or _start_clusters(console, folder),
    )


def take_down(console: Console, folder: Path) -> None:
    """Stop what `set_up` started; the data stays."""
    simulated.stop(folder)
    PostgresServer(folder / "pg").stop()
    console.print(f"The clusters and PostgreSQL are stopped; the data stays in {folder}.", highlight=False)


def break_or_heal(console: Console, folder: Path, name: str, *, is_broken: bool) -> None:
    """Let a simulated cluster stop responding, or respond again, while all else goes on.

    :raises UsageError: there is no such cluster, or none is served.
    """
    with step(console, f"Breaking {name}" if is_broken else f"Healing {name}") as shown:
        simulated.set_broken(folder, name, is_broken=is_broken)
        shown.outcome = f"{name} refuses all connections" if is_broken else f"{name} responds again"
    if is_broken:
        results.show_ways_on(
            console,
            {
                "make demo": "what becomes of its scopes, and of the others",
                f"{results.program('k8s-inventory-demo')} --heal {name}": "let it respond again",
            },
        )


def _start_postgres(console: Console, folder: Path) -> PostgresServer:
    with step(console, "Starting PostgreSQL") as shown:
        server = PostgresServer(folder / "pg").start()
        shown.outcome = f"PostgreSQL {server.version} listens on 127.0.0.1:{server.port}"
    return server


def _start_clusters(console: Console, folder: Path) -> str:
    with step(console, "Starting two simulated clusters") as shown:
        kubeconfig = simulated.start(folder)
        broken = [name for name in simulated.NAMES if name in simulated.broken(folder)]
        well = [name for name in simulated.NAMES if name not in broken]
        shown.good = not broken
        shown.outcome = f"The simulated clusters {' and '.join(simulated.NAMES)} respond"
        if broken:
            rest = f", {' and '.join(well)} respond{'s' if len(well) == 1 else ''}" if well else ""
            shown.outcome = f"You broke {' and '.join(broken)}{rest}"
    return str(kubeconfig)


def _given(clusters: str) -> str:
    paths = [Path(path).expanduser().absolute() for path in clusters.split(os.pathsep) if path]
    for path in paths:
        if not path.is_file():
            raise KubeconfigError(f"there is no kubeconfig {path}; CLUSTERS must be the path of one")
    return os.pathsep.join(map(str, paths))


def _database(server: PostgresServer, name: str) -> str:
    try:
        return server.create_database(name)
    except errors.DuplicateDatabase:
        return server.dsn(name)
