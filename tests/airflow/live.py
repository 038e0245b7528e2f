"""A whole Airflow of real processes, spoken to over its REST API.

The processes and their environment are the demo's; `dag.test`, which needs none of them, is in `test_dag_run`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from k8s_inventory_demo.airflow.api import AirflowApi
from k8s_inventory_demo.airflow.home import AirflowHome
from k8s_inventory_demo.airflow.processes import AIRFLOW, TRIGGERER, AirflowProcesses
from k8s_inventory_demo.processes import free_port

from tests.airflow.conftest import DAGS
from tests.airflow.statsd import StatsdReceiver
from tests.kit.waiting import wait_until

DAG_ID = "k8s_inventory"
DATABASE, CLUSTERS = "inventory", "clusters"
"""The connections that the DAG is made to use."""

_PATIENCE = 120
"""Seconds for a run; mostly it takes 15."""
_ENDED = ("success", "failed")

_PROBE = """
from airflow.sdk import dag, task

@dag(schedule=None)
def tell_all():
    @task
    def log_secrets():
        import logging
        from airflow_provider_k8s_inventory.hooks.kubernetes import KubernetesInventoryHook

        hook = KubernetesInventoryHook("clusters")
        for context in hook.contexts():
            hook.client(context).close()
            for secret in context.secrets():
                logging.getLogger(__name__).info("they are %s", secret)

    log_secrets()

tell_all()
"""
"""A DAG that does what nobody should."""

_ODD = f"""
from airflow.sdk import DAG, AssetAlias

from airflow_provider_k8s_inventory.operators.plan import KubernetesInventoryPlanOperator
from airflow_provider_k8s_inventory.operators.publish import KubernetesInventoryPublishOperator
from airflow_provider_k8s_inventory.operators.report import KubernetesInventoryReportOperator
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator

with DAG("odd", schedule=None, default_args={{"kubernetes_conn_id": "odd", "postgres_conn_id": "{DATABASE}"}}):
    plan = KubernetesInventoryPlanOperator(task_id="plan", resource_names=["pods"])
    sync = KubernetesToPostgresOperator.partial(
        task_id="sync", map_index_template="{{{{ task.cluster_context }}}} · {{{{ task.resource }}}}"
    ).expand_kwargs(plan.output)
    report = KubernetesInventoryReportOperator(task_id="report", planned=plan.output)
    sync >> report >> KubernetesInventoryPublishOperator(task_id="publish", outlets=[AssetAlias("odd_contexts")])
"""
"""A DAG over the connection `odd`, whose contexts have odd names."""

_WITNESS = """
import sys, traceback

class Witness:
    def find_spec(self, name, path=None, target=None):
        if name in ("kubernetes", "kubernetes_asyncio", "the watch works"):
            frames = "".join(traceback.format_stack())
            with open({file!r}, "a") as file:
                print(name if "works" in name else repr(frames), file=file)

sys.meta_path.insert(0, Witness())
"""
"""In every process: notes who begins to import a Kubernetes client. A hook at exit would miss Airflow's task processes,
which end by `os._exit`."""


class Live:
    """An Airflow with the example DAG, of which two lines were changed: its connections; with `tell_all` and `odd`."""

    def __init__(self, url: str, folder: Path, processes: AirflowProcesses, metrics: Sequence[str] = ()) -> None:
        self.folder = folder
        self.processes = processes
        self.metrics = metrics
        """The metrics of this package that StatsD has got so far."""
        self.answers: list[str] = []
        """Every answer of the REST API so far."""
        self._url = url
        token = urllib3.request("GET", f"{url}/auth/token").json()["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """An answer's JSON."""
        answer = urllib3.request(
            method, f"{self._url}/api/v2/{path}", headers=self._headers, timeout=30, redirect=False, json=body
        )
        self.answers.append(answer.data.decode())
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.data.decode()}"
        return answer.json()

    def connect(self, name: str, fields: dict[str, Any], **extra: Any) -> None:
        """Store a Connection."""
        self.ask("POST", "connections", {"connection_id": name, **fields, "extra": json.dumps(extra)})

    def start(self, dag_id: str, **conf: Any) -> str:
        """Trigger a run, and give its id."""
        return str(self.ask("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"])

    def wait(self, dag_id: str, run_id: str) -> None:
        """For the end of a run."""
        wait_until(lambda: self.state(dag_id, run_id) in _ENDED, f"the end of the run {run_id}", seconds=_PATIENCE)

    def run(self, dag_id: str, **conf: Any) -> str:
        """Trigger a run, wait for its end, and give its id."""
        run_id = self.start(dag_id, **conf)
        self.wait(dag_id, run_id)
        return run_id

    def resume(self, dag_id: str) -> None:
        """Let a DAG be scheduled that was paused."""
        self.ask("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def parse(self, dag_id: str) -> None:
        """Let the DAG processor parse a file again, and wait until it has."""
        before = self.ask("GET", f"dags/{dag_id}")["last_parsed_time"]
        (self.folder / "dags" / f"{dag_id}.py").touch()
        wait_until(
            lambda: self.ask("GET", f"dags/{dag_id}")["last_parsed_time"] != before, f"a parse of {dag_id}", seconds=60
        )

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The runs of a DAG, the oldest first."""
        found: list[dict[str, Any]] = self.ask("GET", f"dags/{dag_id}/dagRuns?order_by=id")["dag_runs"]
        return found

    def wait_for_run(self, dag_id: str, number: int) -> str:
        """Wait for the end of a run that something else starts, the first of a DAG being 1, and give its id."""
        wait_until(
            lambda: len(self.runs(dag_id)) >= number, f"the start of run {number} of {dag_id}", seconds=_PATIENCE
        )
        run_id = str(self.runs(dag_id)[number - 1]["dag_run_id"])
        self.wait(dag_id, run_id)
        return run_id

    def kill(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
        """End a task instance as soon as it runs, as the UI's "mark as failed" does, and wait for the run's end."""
        place = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/{map_index}"

        def running() -> bool:
            listed = [each for each in self._instances(dag_id, run_id) if each["state"] == "running"]
            return (task_id, map_index) in [(each["task_id"], each["map_index"]) for each in listed]

        wait_until(running, f"the start of {place}", seconds=_PATIENCE)
        self.ask("PATCH", place, {"new_state": "failed"})
        self.wait(dag_id, run_id)

    def clear(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
        """Clear one instance of a mapped task and what is downstream, and wait for the run's end."""
        body = {
            "dag_run_id": run_id,
            "task_ids": [[task_id, map_index]],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
            "dry_run": False,
        }
        self.ask("POST", f"dags/{dag_id}/clearTaskInstances", body)
        self.wait(dag_id, run_id)

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """By the task's name, or a mapped one's label."""
        return {
            each["rendered_map_index"] or each["task_id"]: each["state"] for each in self._instances(dag_id, run_id)
        }

    def state(self, dag_id: str, run_id: str) -> str:
        """The run's."""
        return str(self.ask("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """What a task instance logged: its messages, and the texts of exceptions."""
        place = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        return json.dumps(self.ask("GET", f"{place}?map_index={map_index}&full_content=true"), ensure_ascii=False)

    def look_everywhere(self, dag_id: str, run_id: str) -> None:
        """Ask for all that the UI would show of a run, so that it is in `answers`."""
        run = f"dags/{dag_id}/dagRuns/{run_id}"
        for entry in self.ask("GET", f"{run}/taskInstances/~/xcomEntries?limit=1000")["xcom_entries"]:
            place = f"{run}/taskInstances/{entry['task_id']}/xcomEntries/{entry['key']}?map_index={entry['map_index']}"
            self.ask("GET", place)
        for each in self._instances(dag_id, run_id):
            task_id, index = each["task_id"], each["map_index"]
            for try_number in range(1, each["try_number"] + 1):
                self.log(dag_id, run_id, task_id, try_number, index)
        for place in (
            "connections",
            f"connections/{CLUSTERS}",
            f"connections/{DATABASE}",
            "eventLogs",
            "assets/events",
        ):
            self.ask("GET", place)

    def lineage(self) -> list[dict[str, Any]]:
        """The events of OpenLineage."""
        file = self.folder / "lineage"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def imports(self) -> list[str]:
        """Where processes began to import a Kubernetes client."""
        return (self.folder / "imports").read_text().splitlines()

    def _instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        found = self.ask("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100")
        instances: list[dict[str, Any]] = found["task_instances"]
        return instances


@contextmanager
def live_airflow(folder: Path, migrated_database: str) -> Iterator[Live]:
    """Start API server, scheduler and DAG processor, and end them with the block.

    :param folder: an empty one, for everything they write.
    :param database: the URL of an empty PostgreSQL database for Airflow's own data.
    """
    url = f"http://127.0.0.1:{free_port()}"
    with StatsdReceiver() as statsd:
        yield from _started(folder, url, _environment(folder, migrated_database, url, statsd.port), statsd.lines)


def _started(folder: Path, url: str, environment: dict[str, str], metrics: list[str]) -> Iterator[Live]:
    probe = 'from importlib.util import find_spec; find_spec("the watch works")'
    subprocess.run([sys.executable, "-c", probe], env=environment, check=True)
    subprocess.run([*AIRFLOW, "db", "migrate"], env=environment, check=True, capture_output=True)
    with AirflowProcesses(environment, folder, TRIGGERER) as processes:
        processes.wait_until(AirflowApi(url).healthy)
        airflow = Live(url, folder, processes, metrics)
        processes.wait_until(lambda: airflow.ask("GET", "dags")["total_entries"] == 5)
        yield airflow


def _on_change() -> str:
    source = (DAGS / "k8s_inventory_on_change.py").read_text()
    changed = source.replace("CLUSTERS = None", f'CLUSTERS = "{CLUSTERS}"')
    changed = changed.replace('POSTGRES = "postgres_default"', f'POSTGRES = "{DATABASE}"')
    changed = changed.replace("resource_names=RESOURCES", "resource_names=RESOURCES, window=2")
    # The one task whose lineage is looked at: it costs seconds for each.
    changed = changed.replace('task_id="sync",', 'task_id="sync", params={"_selective_enable_ol": True},')
    return changed.replace("catchup=False", "catchup=False, is_paused_upon_creation=True")


def _changes() -> str:
    source = (DAGS / "k8s_inventory_changes.py").read_text()
    changed = source.replace('POSTGRES = "postgres_default"', f'POSTGRES = "{DATABASE}"')
    return changed.replace("catchup=False", "catchup=False, is_paused_upon_creation=True")


def _environment(folder: Path, migrated_database: str, url: str, statsd_port: int) -> dict[str, str]:
    home = AirflowHome(
        folder=folder / "home", dags=folder / "dags", database=migrated_database, inventory="", kubeconfig=""
    )
    home.folder.mkdir()
    home.dags.mkdir()
    source = (DAGS / f"{DAG_ID}.py").read_text()
    changed = source.replace('"kubernetes_conn_id": None', f'"kubernetes_conn_id": "{CLUSTERS}"')
    changed = changed.replace('"postgres_conn_id": "postgres_default"', f'"postgres_conn_id": "{DATABASE}"')
    # At a full hour a run of its own would be among those that are looked at.
    changed = changed.replace('schedule="@hourly"', "schedule=None")
    (home.dags / f"{DAG_ID}.py").write_text(changed)
    (home.dags / "k8s_inventory_on_change.py").write_text(_on_change())
    (home.dags / "k8s_inventory_changes.py").write_text(_changes())
    (home.dags / "tell_all.py").write_text(_PROBE)
    (home.dags / "odd.py").write_text(_ODD)
    (folder / "python").mkdir()
    (folder / "python" / "sitecustomize.py").write_text(_WITNESS.format(file=str(folder / "imports")))
    environment = home.environment(
        api__host="127.0.0.1",
        api__port=url.rpartition(":")[2],
        core__execution_api_server_url=f"{url}/execution/",
        core__parallelism="4",
        openlineage__transport=json.dumps({"type": "file", "log_file_path": str(folder / "lineage"), "append": True}),
        openlineage__selective_enable="True",
        triggerer__job_heartbeat_sec="1",
        triggerer__triggerer_health_check_threshold="4",
        core__simple_auth_manager_all_admins="True",
        metrics__statsd_on="True",
        metrics__statsd_host="127.0.0.1",
        metrics__statsd_port=str(statsd_port),
        metrics__statsd_influxdb_enabled="True",
    )
    # They are connections of Airflow's database here.
    unset = {"AIRFLOW_CONN_POSTGRES_DEFAULT", "KUBECONFIG"}
    known = {name: value for name, value in environment.items() if name not in unset}
    paths = [str(folder / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return known | {"PYTHONPATH": os.pathsep.join(paths)}
