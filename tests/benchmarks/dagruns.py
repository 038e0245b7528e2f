"""The example DAG on two small clusters, and the same DAG with empty tasks, in turns under a real Airflow.

The second one is `dags_folder/empty_tasks.py`; how Airflow is spoken to is in `tests.airflow.live`.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from k8s_inventory_demo.airflow.api import AirflowApi
from k8s_inventory_demo.airflow.home import AirflowHome
from k8s_inventory_demo.airflow.processes import AIRFLOW, AirflowProcesses
from k8s_inventory_demo.postgres.server import PostgresServer
from k8s_inventory_demo.processes import free_port

from tests.airflow.live import Live
from tests.benchmarks.measuring import ROOT
from tests.benchmarks.model import BenchmarkError, Measurement, Results
from tests.kit.cluster import live_cluster
from tests.kit.populating import populate

CASES: Final = {"dag": "k8s_inventory", "dag-empty": "empty_tasks"}
"""The cases, and their DAGs."""
TASKS_AT_A_TIME: Final = 4
_CLUSTERS: Final = ("dev", "prod")
_FILES: Final = (ROOT / "dags" / "k8s_inventory.py", Path(__file__).with_name("dags_folder") / "empty_tasks.py")
# Each look costs the API server some milliseconds, which the tasks would have had.
_LOOK_EVERY: Final = 1.0
_PATIENCE: Final = 180

Say = Callable[[str], None]


def run(results: Results, server: PostgresServer, folder: Path, *, real: bool, runs: int, say: Say) -> None:
    """Measure both DAGs, after a run of each that does not count.

    :raises BenchmarkError: a run failed, or took too long.
    """
    with ExitStack() as stack:
        kubeconfigs = [stack.enter_context(_cluster(name, folder / name, real=real)) for name in _CLUSTERS]
        home = AirflowHome(
            folder=folder / "home",
            dags=folder / "dags",
            database=server.create_database("airflow"),
            inventory=server.create_database("dag"),
            kubeconfig=":".join(kubeconfigs),
        )
        say("starting Airflow")
        airflow = stack.enter_context(_airflow(home))
        for number in range(runs + 1):
            for case, dag_id in CASES.items():
                seconds = _run(airflow, dag_id)
                if number:
                    results.add(case, Measurement(seconds=seconds))
                say(f"DAG {dag_id}, run {number or 'to warm up'}: {seconds:.2f} s")


@contextmanager
def _cluster(name: str, folder: Path, *, real: bool) -> Iterator[str]:
    folder.mkdir()
    with live_cluster(name, folder, real=real) as cluster:
        populate(cluster, "default")
        yield str(cluster.kubeconfig)


@contextmanager
def _airflow(home: AirflowHome) -> Iterator[Live]:
    """API server, scheduler and DAG processor, with both DAGs."""
    for folder in (home.folder, home.dags):
        folder.mkdir()
    for file in _FILES:
        shutil.copy(file, home.dags)
    url = f"http://127.0.0.1:{free_port()}"
    environment = home.environment(
        api__host="127.0.0.1",
        api__port=url.rpartition(":")[2],
        core__execution_api_server_url=f"{url}/execution/",
        core__executor="LocalExecutor",
        core__parallelism=str(TASKS_AT_A_TIME),
        core__simple_auth_manager_all_admins="True",
    )
    environment["PYTHONPATH"] = str(ROOT)  # this checkout, wherever the environment was installed from
    subprocess.run([*AIRFLOW, "db", "migrate"], env=environment, check=True, capture_output=True)
    with AirflowProcesses(environment, home.folder) as processes:
        processes.wait_until(AirflowApi(url).healthy)
        airflow = Live(url, home.folder, processes)
        processes.wait_until(lambda: airflow.ask("GET", "dags")["total_entries"] == len(_FILES))
        yield airflow


def _run(airflow: Live, dag_id: str) -> float:
    """Run a DAG once; gives the seconds from its start to its end, as Airflow has them."""
    run_id = airflow.ask("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None})["dag_run_id"]
    deadline = time.monotonic() + _PATIENCE
    while (found := airflow.ask("GET", f"dags/{dag_id}/dagRuns/{run_id}"))["state"] in ("queued", "running"):
        if time.monotonic() > deadline:
            raise BenchmarkError(f"the DAG {dag_id} ran for more than {_PATIENCE} s")
        time.sleep(_LOOK_EVERY)
    if found["state"] != "success":
        raise BenchmarkError(f"the run of the DAG {dag_id} is {found['state']}")
    return (_time(found, "end_date") - _time(found, "start_date")).total_seconds()


def _time(run: Any, field: str) -> datetime:
    return datetime.fromisoformat(run[field])
