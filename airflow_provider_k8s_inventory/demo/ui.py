"""Airflow's user interface for the demo, in the foreground: what a deployment runs, on 127.0.0.1 only.

The demo without it is in `run`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console

from airflow_provider_k8s_inventory.demo import ports, stage
from airflow_provider_k8s_inventory.demo.airflow_api import AirflowApi
from airflow_provider_k8s_inventory.demo.airflow_home import AirflowHome
from airflow_provider_k8s_inventory.demo.stage import DAG_ID, Wanted
from airflow_provider_k8s_inventory.demo.steps import step
from airflow_provider_k8s_inventory.exceptions import InventoryError

# Not `airflow standalone`: its log servers listen on every network of the machine, and the demo needs none.
_COMPONENTS: Final = (("api-server",), ("scheduler", "--skip-serve-logs"), ("dag-processor",))

_READY_WITHIN: Final = 120
"""Seconds Airflow may take to start; it takes about 20."""

_STOP_WITHIN: Final = 20
"""Seconds a component may take to end."""

_AIRFLOW: Final = (sys.executable, "-m", "airflow")


class _Component(NamedTuple):
    name: str
    log: Path
    process: subprocess.Popen[bytes]


def run(console: Console, wanted: Wanted) -> None:
    """Serve Airflow until Ctrl-C.

    :raises InventoryError: a component does not start, or ends by itself.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        _serve(console, stage.set_up(console, wanted, airflow="airflow_ui"))
    except KeyboardInterrupt:
        console.print("Airflow has ended.")


def _serve(console: Console, home: AirflowHome) -> None:
    port = ports.remembered(home.folder.with_name("ui.port"))
    url = f"http://127.0.0.1:{port}"
    environment = home.environment(
        api__host="127.0.0.1",
        api__port=str(port),
        api__base_url=url,
        core__execution_api_server_url=f"{url}/execution/",
        core__parallelism="4",
        core__simple_auth_manager_all_admins="True",
        dag_processor__refresh_interval="5",
    )
    with step(console, "Preparing Airflow's database"):
        _migrate(home, environment)
    with ExitStack() as stack:
        with step(console, "Starting Airflow") as shown:
            started = [stack.enter_context(_component(home, environment, *words)) for words in _COMPONENTS]
            api = AirflowApi(url)
            _wait_for(api.healthy, "get ready", started)
            _wait_for(lambda: api.has_run(DAG_ID), "find the DAG", started)
            shown.outcome = f"Airflow is at {url}/dags/{DAG_ID}"
        console.print("Ctrl-C ends it. The clusters and PostgreSQL stay until `make demo-stop`.")
        while True:
            _check(started)
            time.sleep(1)


def _migrate(home: AirflowHome, environment: dict[str, str]) -> None:
    log = home.folder.with_name("airflow-db.log")
    with log.open("wb") as output:
        done = subprocess.run(
            [*_AIRFLOW, "db", "migrate"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            check=False,
        )
    if done.returncode:
        raise InventoryError(f"Airflow cannot prepare its database; see {log}")


@contextmanager
def _component(home: AirflowHome, environment: dict[str, str], name: str, *options: str) -> Iterator[_Component]:
    """A component of Airflow with all its processes, in a session of its own: Ctrl-C reaches us alone."""
    log = home.folder.with_name(f"airflow-{name}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_AIRFLOW, name, *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    try:
        yield _Component(name, log, process)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _check(components: Sequence[_Component]) -> None:
    for component in components:
        if component.process.poll() is not None:
            raise InventoryError(f"Airflow's {component.name} has ended; see {component.log}")


def _wait_for(condition: Callable[[], bool], what: str, components: Sequence[_Component]) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while not condition():
        _check(components)
        if time.monotonic() > deadline:
            raise InventoryError(f"Airflow did not {what} in {_READY_WITHIN} s; see {components[0].log}")
        time.sleep(0.2)
