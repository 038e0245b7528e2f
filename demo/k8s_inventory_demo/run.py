"""The demo: set the stage, run the DAG by Airflow, show what is in the tables, say where to look next.

The stage is in `stage`, what is shown in `results`; Airflow's user interface is in `ui`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

import psycopg
from psycopg import conninfo, errors
from rich.console import Console

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import InventoryError
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.postgres import connecting, ledger
from k8s_inventory_demo import results, simulated, stage
from k8s_inventory_demo.airflow import dagrun
from k8s_inventory_demo.airflow.home import AirflowHome
from k8s_inventory_demo.processes import tail
from k8s_inventory_demo.stage import DAG_ID, Wanted
from k8s_inventory_demo.steps import Step, step

_POLL: Final = 0.2
"""Seconds between two looks at the ledger while the DAG runs."""

_LATEST: Final = "SELECT context_name, resource FROM k8s_syncs WHERE dag_id = %s AND started_at >= %s ORDER BY id DESC"


def run(console: Console, wanted: Wanted) -> bool:
    """Run the demo.

    :returns: whether Airflow calls the run a success.
    :raises InventoryError: it could not be run at all.
    """
    home = stage.set_up(console, wanted, airflow="airflow_run")
    run_id, success = _run_dag(console, home)
    with connecting.connect(home.inventory) as conn:
        reports = _reports(conn, run_id)
        if not reports:
            raise InventoryError(f"the DAG synced nothing; {_log(home)} ends with:\n{tail(_log(home))}")
        results.show_counts(console, conn, {report.context_name for report in reports})
        results.show_reports(console, reports)
        results.show_question(console, conn)
    results.show_ways_on(console, _ways_on(wanted, home))
    return success


def _run_dag(console: Console, home: AirflowHome) -> tuple[str, bool]:
    """Run the DAG in a process of its own.

    :returns: the run's id, and whether it succeeded.
    """
    result = home.folder / "dagrun.json"
    result.unlink(missing_ok=True)
    with step(console, f"Starting Airflow {metadata.version('apache-airflow')}") as shown:
        with connecting.connect(home.inventory) as conn:
            conn.autocommit = True
            _wait(_start(home, [sys.executable, "-m", dagrun.__name__, DAG_ID, str(result)]), conn, home, shown)
        if not result.exists():
            raise InventoryError(f"Airflow could not run the DAG; {_log(home)} ends with:\n{tail(_log(home))}")
        outcome = json.loads(result.read_text())
        shown.good = outcome["state"] == "success"
        shown.outcome = f"Airflow ran the DAG {DAG_ID}: {outcome['state']}; the log is {results.short(_log(home))}"
    return outcome["run_id"], shown.good


def _start(home: AirflowHome, command: list[str]) -> subprocess.Popen[bytes]:
    with _log(home).open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=home.environment())


def _wait(process: subprocess.Popen[bytes], conn: psycopg.Connection, home: AirflowHome, shown: Step) -> None:
    """Show which scopes are synced until the process ends; with us, it ends too."""
    contexts = kubeconfig.load(home.kubeconfig.split(os.pathsep)).contexts
    total, started = len(contexts) * len(resources.DEFAULT), datetime.now(UTC)
    try:
        while process.poll() is None:
            synced = _synced(conn, started)
            if synced:
                shown.doing(f"Airflow runs the DAG: {len(synced)} of {total} scopes, the last was {synced[0]}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL)
    finally:
        process.terminate()
        process.wait()


def _synced(conn: psycopg.Connection, since: datetime) -> list[str]:
    try:
        return [" · ".join(row) for row in conn.execute(_LATEST, (DAG_ID, since))]
    except errors.UndefinedTable:  # the DAG's first task makes it
        return []


def _reports(conn: psycopg.Connection, run_id: str) -> list[SyncReport]:
    try:
        return ledger.latest_reports(conn, schema="public", dag_id=DAG_ID, run_id=run_id)
    except errors.UndefinedTable:  # that task failed
        conn.rollback()
        return []


def _log(home: AirflowHome) -> Path:
    return home.folder.with_name("airflow.log")


def _ways_on(wanted: Wanted, home: AirflowHome) -> dict[str, str]:
    """Commands that lead further, and what each is good for."""
    # The password of our own database may be shown; a given one's may not.
    settings = conninfo.conninfo_to_dict(wanted.dsn or "")
    shown = conninfo.make_conninfo("", **settings | {"password": None}) if wanted.dsn else home.inventory
    ways = {results.psql(shown): "ask more"}
    if wanted.clusters is None:
        ways |= _ways_of_simulated(Path(home.kubeconfig), shown)
    return ways | {
        "make ui": "see the DAG in Airflow, and run single scopes again",
        "make demo-stop": "stop the clusters and the database",
    }


def _ways_of_simulated(kubeconfig: Path, dsn: str) -> dict[str, str]:
    program, demo = results.program(), results.program("k8s-inventory-demo")
    kubectl = f"kubectl --kubeconfig {results.short(kubeconfig)}"
    ways = {
        f"{kubectl} get pods -A": "see what the clusters say",
        f"{kubectl} delete pod -l app=shop-worker": "delete pods, then make demo",
        f"export DATABASE_URL={shlex.quote(dsn)}": "go on without Airflow",
        f"{program} sync --kubeconfig {results.short(simulated.lab(kubeconfig.parent))} --resource '*'": (
            "sync nodes and custom resources of a third cluster"
        ),
        f"{program} status": "see which scopes are fresh",
    }
    if broken := simulated.broken(kubeconfig.parent):
        return ways | {f"{demo} --heal {broken[0]}": "let the cluster respond again, then make demo"}
    return ways | {f"{demo} --break prod": "break a cluster, then make demo"}
