"""Airflow's user interface for the demo, in the foreground and on 127.0.0.1 only.

The demo without it is in `run`; the processes it takes are in `airflow.processes`.
"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from rich.console import Console

from airflow_provider_k8s_inventory.exceptions import InventoryError
from k8s_inventory_demo import stage
from k8s_inventory_demo.airflow.api import AirflowApi
from k8s_inventory_demo.airflow.home import AirflowHome
from k8s_inventory_demo.airflow.processes import AIRFLOW, AirflowProcesses
from k8s_inventory_demo.processes import remembered_port
from k8s_inventory_demo.stage import DAG_ID, Wanted
from k8s_inventory_demo.steps import step


def run(console: Console, wanted: Wanted) -> None:
    """Serve Airflow until Ctrl-C; a DAG that never ran there is triggered once.

    :raises InventoryError: something does not start, or ends by itself.
    """
    # A terminal that is closed, or a `kill`, must not leave Airflow running.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        _serve(console, stage.set_up(console, wanted, airflow="airflow_ui"))
    except KeyboardInterrupt:
        console.print("Airflow has ended.")


def _serve(console: Console, home: AirflowHome) -> None:
    logs = home.folder.parent
    port = remembered_port(logs / "ui.port")
    url = f"http://127.0.0.1:{port}"
    environment = home.environment(
        api__host="127.0.0.1",
        api__port=str(port),
        api__base_url=url,
        core__execution_api_server_url=f"{url}/execution/",
        core__parallelism="4",
        core__simple_auth_manager_all_admins="True",
    )
    with step(console, "Preparing Airflow's database"):
        _migrate(environment, logs / "airflow-db.log")
    with AirflowProcesses(environment, logs) as processes:
        with step(console, "Starting Airflow") as shown:
            api = AirflowApi(url)
            processes.wait_until(api.healthy)
            processes.wait_until(lambda: api.has_run(DAG_ID))
            shown.outcome = f"Airflow is at {url}/dags/{DAG_ID}"
        console.print("Ctrl-C ends it. The clusters and PostgreSQL stay until `make demo-stop`.")
        while True:
            processes.check()
            time.sleep(1)


def _migrate(environment: dict[str, str], log: Path) -> None:
    with log.open("wb") as output:
        done = subprocess.run(
            [*AIRFLOW, "db", "migrate"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            check=False,
        )
    if done.returncode:
        raise InventoryError(f"Airflow cannot prepare its database; see {log}")
