"""The example DAGs under real processes of Airflow: a cluster is down, comes back, is retried; then changes start runs.

The triggerer is one of them, and is killed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
from k8s_inventory_demo.airflow.home import connection
from k8s_inventory_demo.clusters import clusters
from k8s_inventory_demo.postgres.server import PostgresServer
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator
from psycopg import conninfo

from airflow_provider_k8s_inventory import resources
from tests.airflow.live import CLUSTERS, DATABASE, Live, live_airflow
from tests.kit.objects import pod
from tests.kit.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


ON_CHANGE = "k8s_inventory_on_change"
ODD = [
    "{{ 7 * 7 }}",
    f"{{{{ conn.{DATABASE}.password }}}}",
    "{% raw %}",
    "{# dev #}",
    "[dev]",
    "a, b",
    " dev ",
    "x.sql",
]
"""Names of contexts that would be templates, lists or files."""


@dataclass
class Act:
    """The run at one time: its state, those of its tasks by label, and what the report said."""

    state: str
    states: dict[str, str]
    report: str


@dataclass
class Story:
    """A run while `prod` was down; `prod · pods` cleared while it was up again; then `prod · services`."""

    first: Act
    second: Act
    third: Act
    ledger: list[tuple[Any, ...]]
    """As it was after the second act."""
    events: list[dict[str, Any]]
    """Those of the asset, after the third."""
    secrets: dict[str, str]
    logs: dict[str, str]
    """Every log file by its path, of tasks and processes, after the third."""
    killed: Act
    """Another run, whose only sync was killed while it waited for the cluster."""
    odd: dict[str, str]
    """The states of a run over contexts with odd names, by label."""
    told: str
    """The log of a task that logs secrets on purpose."""
    airflow: Live
    simulator: Simulator
    inventory: str
    metadata: str
    document: dict[str, Any]
    """The kubeconfig."""


@dataclass
class Moves:
    """After the story: a burst of pods in `dev`; the triggerer was killed; a service was deleted in `prod`."""

    burst: str
    """The run."""
    triggers: set[int]
    """The ids that Airflow gave to the trigger, before another parse of the DAG and after."""
    deletion: str
    """The run after the triggerer was killed."""
    deleted: str
    """The service."""
    runs: list[str]
    """All runs."""
    synced: dict[str, list[tuple[str, str, str, int, int]]]
    """Context, resource, status, inserted and deleted of the syncs of each run."""
    posts: list[str]
    """The logs of the runs of `k8s_inventory_changes`."""


@pytest.fixture(scope="module")
def story(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    inventory = postgres_server.create_database("live_inventory")
    metadata = postgres_server.create_database("live_metadata")
    folder = tmp_path_factory.mktemp("airflow")
    try:
        with Simulator(clusters()) as simulator, live_airflow(folder, metadata) as airflow:
            yield _tell(airflow, simulator, inventory, metadata)
    finally:
        postgres_server.drop_database("live_metadata")
        postgres_server.drop_database("live_inventory")


def _tell(airflow: Live, simulator: Simulator, inventory: str, metadata: str) -> Story:
    document = simulator.kubeconfig_document()
    airflow.connect(CLUSTERS, {"conn_type": "k8s_inventory"}, kube_config_secret=json.dumps(document))
    fields = dict(connection(inventory))
    airflow.connect(DATABASE, fields, **fields.pop("extra"))  # type: ignore[arg-type]
    simulator.stop("prod")
    run_id = airflow.run("k8s_inventory", resources=["pods", "services"])
    first = _act(airflow, run_id, 1)
    simulator.start("prod")
    airflow.clear("k8s_inventory", run_id, "sync", 2)
    second = _act(airflow, run_id, 2)
    with psycopg.connect(inventory) as conn:
        ledger = conn.execute(
            "SELECT context_name, resource, status, map_index, try_number FROM k8s_syncs ORDER BY try_number, map_index"
        ).fetchall()
    airflow.clear("k8s_inventory", run_id, "sync", 3)
    third = _act(airflow, run_id, 3)
    airflow.look_everywhere("k8s_inventory", run_id)
    odd = _odd(airflow, document)
    events = airflow.ask("GET", "assets/events?limit=100")["asset_events"]
    logs = {str(path): path.read_text(errors="replace") for path in airflow.folder.rglob("*.log")}
    killed = _kill(airflow, simulator)
    # Last, as a scheduler with the LocalExecutor echoes what tasks log, and masks nothing there.
    told = airflow.log("tell_all", airflow.run("tell_all"), "log_secrets")
    secrets = _secrets(document, inventory)
    return Story(
        first,
        second,
        third,
        ledger,
        events,
        secrets,
        logs,
        killed,
        odd,
        told,
        airflow,
        simulator,
        inventory,
        metadata,
        document,
    )


@pytest.fixture(scope="module")
def moves(story: Story) -> Moves:
    airflow, dev, prod = story.airflow, story.simulator["dev"], story.simulator["prod"]
    dev.faults.clear()
    watched = _watches(dev), _watches(prod)
    airflow.resume("k8s_inventory_changes")
    airflow.resume(ON_CHANGE)
    airflow.parse(ON_CHANGE)
    _wait_for_watches(story, watched)
    triggers = _triggers(story)
    airflow.parse(ON_CHANGE)
    triggers |= _triggers(story)
    for number in range(30):
        dev.create("pods", pod(f"burst-{number}"))
    burst = airflow.wait_for_run(ON_CHANGE, 1)
    posts = [airflow.wait_for_run("k8s_inventory_changes", 1)]

    watched = _watches(dev), _watches(prod)
    airflow.processes.kill("triggerer")
    _wait_for_watches(story, watched)
    service = prod.objects("services")[0]["metadata"]
    prod.delete("services", service["name"], service["namespace"])
    deletion = airflow.wait_for_run(ON_CHANGE, 2)
    posts.append(airflow.wait_for_run("k8s_inventory_changes", 2))
    runs = [str(run["dag_run_id"]) for run in airflow.runs(ON_CHANGE)]
    with psycopg.connect(story.inventory) as conn:
        synced = {
            run_id: conn.execute(
                "SELECT context_name, resource, status, inserted, deleted FROM k8s_syncs WHERE run_id = %s", [run_id]
            ).fetchall()
            for run_id in runs
        }
    logs = [airflow.log("k8s_inventory_changes", run_id, "post") for run_id in posts]
    return Moves(burst, triggers, deletion, f"{service['namespace']}/{service['name']}", runs, synced, logs)


def _watches(cluster: Cluster) -> int:
    # Those of a sync, in the mode delta, are of whole objects.
    return sum(
        request.verb == "watch" and "PartialObjectMetadata" in request.headers["accept"] for request in cluster.requests
    )


def _wait_for_watches(story: Story, before: tuple[int, int]) -> None:
    """Wait until the triggerer has its five watches in each cluster."""
    clusters = [story.simulator["dev"], story.simulator["prod"]]
    wait_until(
        lambda: all(_watches(cluster) >= number + 5 for cluster, number in zip(clusters, before, strict=True)),
        "the watches of the triggerer",
        seconds=90,
    )


def _triggers(story: Story) -> set[int]:
    with psycopg.connect(story.metadata) as conn:
        return {row[0] for row in conn.execute("SELECT id FROM trigger").fetchall()}


def _odd(airflow: Live, document: dict[str, Any]) -> dict[str, str]:
    contexts = [{"name": name, "context": document["contexts"][0]["context"]} for name in ODD]
    airflow.connect(
        "odd", {"conn_type": "k8s_inventory"}, kube_config_secret=json.dumps(document | {"contexts": contexts})
    )
    run_id = airflow.run("odd")
    airflow.look_everywhere("odd", run_id)
    return airflow.states("odd", run_id)


def _kill(airflow: Live, simulator: Simulator) -> Act:
    simulator["dev"].inject(Fault(path="/pods$", latency=60))
    run_id = airflow.start("k8s_inventory", contexts=["dev"], resources=["pods"])
    airflow.kill("k8s_inventory", run_id, "sync", 0)
    return _act(airflow, run_id, 1)


def _act(airflow: Live, run_id: str, try_number: int) -> Act:
    return Act(
        airflow.state("k8s_inventory", run_id),
        airflow.states("k8s_inventory", run_id),
        airflow.log("k8s_inventory", run_id, "report", try_number),
    )


def _secrets(document: dict[str, Any], inventory: str) -> dict[str, str]:
    users = {user["name"]: user["user"] for user in document["users"]}
    key = users["prod-admin"]["client-key-data"]
    return {
        "token": users["dev-admin"]["token"],
        "key in base64": key,
        "a line of the key": base64.b64decode(key).decode().splitlines()[1],
        "password": str(conninfo.conninfo_to_dict(inventory)["password"]),
    }


def found(secrets: dict[str, str], text: str) -> list[str]:
    return [name for name, secret in secrets.items() if secret in text]


def test_the_cluster_that_is_down_fails_its_own_tasks_alone(story: Story) -> None:
    assert story.first.states == {
        "migrate": "success",
        "plan": "success",
        "dev · pods": "success",
        "dev · services": "success",
        "prod · pods": "failed",
        "prod · services": "failed",
        "report": "failed",
        "publish": "success",
    }


def test_the_run_is_failed_with_the_reasons_in_the_reports_log(story: Story) -> None:
    assert story.first.state == "failed"
    assert "1 of 2 clusters failed: prod (unreachable, never good)" in story.first.report
    reason = "unreachable: context 'prod' cannot be reached at https://127.0.0.1"
    assert story.first.report.count(f"prod · pods, services: {reason}") == 1
    assert story.first.report.count(reason) == 1
    assert "Sync completed with errors. Resources: 14, Errors: 2" in story.first.report


def test_a_cleared_scope_syncs_again_and_no_other(story: Story) -> None:
    assert story.ledger == [
        ("dev", "pods", "success", 0, 1),
        ("dev", "services", "success", 1, 1),
        ("prod", "pods", "unreachable", 2, 1),
        ("prod", "services", "unreachable", 3, 1),
        ("prod", "pods", "success", 2, 2),
    ]


def test_the_report_then_speaks_of_the_run_as_it_is_now(story: Story) -> None:
    bad = {label for label, state in story.second.states.items() if state != "success"}
    assert bad == {"prod · services", "report"}
    assert story.second.state == "failed"
    assert "Sync completed with errors. Resources: 25, Errors: 1" in story.second.report
    assert "1 of 2 clusters failed: prod (unreachable, never good); 1 of 4 scopes" in story.second.report


def test_the_run_is_a_success_once_every_scope_is(story: Story) -> None:
    assert story.third.state == "success"
    assert "Sync completed successfully. Resources: 28, Errors: 0" in story.third.report


def test_every_run_sends_an_event_that_says_what_failed(story: Story) -> None:
    events = [event for event in story.events if event["source_dag_id"] == "k8s_inventory"]
    assert {(event["name"], event["source_task_id"]) for event in events} == {("k8s_inventory_tables", "publish")}
    extras = [event["extra"] for event in sorted(events, key=lambda event: event["id"])]
    assert [extra["failed"] for extra in extras] == [2, 1, 0]
    assert extras[0]["failed_contexts"] == ["prod"]
    assert extras[0]["contexts"] == {"dev": "success", "prod": "unreachable"}
    assert extras[2] == {
        "scopes": 4,
        "failed": 0,
        "failed_contexts": [],
        "contexts": {"dev": "success", "prod": "success"},
        "warnings": 0,
        "seen": 28,
        "inserted": 28,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "unselected": 0,
        "resources": {"pods": {"inserted": 22}, "services": {"inserted": 6}},
    }


def test_a_sync_that_was_killed_before_it_could_report_is_in_the_report(story: Story) -> None:
    assert story.killed.state == "failed"
    # Airflow gives it a moment, in which it may still say so itself.
    ends = "no report: the worker of sync\\[0\\] died or was cut off|the task was ended from outside"
    assert re.search(rf"dev · pods: failed: ({ends})", story.killed.report)
    assert "Errors: 1" in story.killed.report


def test_the_names_of_contexts_are_data(story: Story) -> None:
    synced = {f"{name} · pods": "success" for name in ODD}
    assert story.odd == {"plan": "success", "report": "success", "publish": "success", **synced}


def test_each_context_has_an_asset_whatever_its_name(story: Story) -> None:
    of_contexts = [event for event in story.events if event["name"].startswith("odd_contexts/")]
    assert {unquote(event["name"].partition("/")[2]) for event in of_contexts} == set(ODD)
    assert {event["extra"]["context"] for event in of_contexts} == set(ODD)


def test_no_credential_is_in_an_answer_of_the_rest_api(story: Story) -> None:
    answers = "\n".join(story.airflow.answers)
    assert "kube_config_secret" in answers
    assert found(story.secrets, answers) == []


def test_no_credential_is_in_a_log_file(story: Story) -> None:
    assert sum("task_id=sync" in path for path in story.logs) == 6 + len(ODD)
    assert found(story.secrets, "\n".join(story.logs.values())) == []


def test_credentials_are_masked_even_where_a_task_logs_them(story: Story) -> None:
    assert story.told.count("they are ***") == 2
    assert found(story.secrets, story.told) == []


def test_no_credential_is_in_what_airflow_stores_of_a_run(story: Story) -> None:
    stored = []
    with psycopg.connect(story.metadata) as conn:
        for table in ("xcom", "rendered_task_instance_fields", "task_instance", "task_instance_history", "dag_run"):
            rows = conn.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
            assert rows, table
            stored += [row[0] for row in rows]
    assert found(story.secrets, "\n".join(stored)) == []


def test_no_task_imports_a_kubernetes_client(story: Story) -> None:
    assert story.airflow.imports() == ["the watch works"]


def test_the_test_button_works_for_a_connection_with_port_zero(story: Story) -> None:
    airflow = story.airflow
    document = json.dumps(story.document)
    airflow.connect("tested", {"conn_type": "k8s_inventory", "port": 0}, kube_config_secret=document)
    stored = airflow.ask("GET", "connections/tested")
    # As the list of connections sends it: all of them text but the port, which is a number whether or not there is one.
    texts = {name: stored[name] or "" for name in ("description", "host", "login", "password", "schema", "extra")}
    body = texts | {"connection_id": "tested", "conn_type": "k8s_inventory", "port": int(stored["port"] or 0)}

    assert "kube_config_secret" in body["extra"]
    assert document not in body["extra"]
    answer = airflow.ask("POST", "connections/test", body)
    assert "dev ✓ " in answer["message"]
    assert "prod " in answer["message"]


def test_statsd_gets_the_metrics_of_every_scope_with_their_tags(story: Story) -> None:
    prefix, dev, prod = "airflow.k8s_inventory.scope", "context=dev,resource=pods", "context=prod,resource=services"
    expected = {
        f"{prefix}.seen,{dev}:11|g",
        f"{prefix}.inserted,{dev}:11|c",
        f"{prefix}.ended,{prod},status=unreachable:1|c",
        f"{prefix}.good,{prod}:0|g",
    }

    wait_until(lambda: expected <= set(story.airflow.metrics), "the metrics of both clusters")
    assert any(line.startswith(f"{prefix}.duration,{dev}:") for line in story.airflow.metrics)


def test_how_a_scope_ended_is_fields_of_its_tasks_log(story: Story) -> None:
    records = [
        json.loads(line)
        for path, text in story.logs.items()
        if "dag_id=k8s_inventory" in path and "task_id=sync" in path
        for line in text.splitlines()
    ]
    found = [{name: each.get(name) for name in ("context", "resource", "status", "inserted")} for each in records]

    assert {"context": "dev", "resource": "pods", "status": "success", "inserted": 11} in found
    assert all("%" not in each["event"] for each in records if "status" in each)


def test_a_burst_of_changes_starts_one_run_that_syncs_what_moved_alone(moves: Moves) -> None:
    assert moves.runs == [moves.burst, moves.deletion]
    assert moves.synced[moves.burst] == [("dev", "pods", "success", 30, 0)]


def test_a_change_after_the_triggerer_was_killed_starts_a_run(moves: Moves) -> None:
    assert moves.synced[moves.deletion] == [("prod", "services", "success", 0, 1)]


def test_the_runs_are_a_success_and_their_tasks_are_labelled_by_scope(story: Story, moves: Moves) -> None:
    states = story.airflow.states(ON_CHANGE, moves.burst)
    assert states == {"plan": "success", "dev · pods": "success", "report": "success", "publish": "success"}


def test_a_parse_of_the_dag_makes_no_other_trigger(moves: Moves) -> None:
    assert len(moves.triggers) == 1


def test_what_was_deleted_is_posted_after_the_run_that_found_it(moves: Moves) -> None:
    # The first run only notes where history ends.
    assert [f"prod: services {moves.deleted} deleted" in post for post in moves.posts] == [False, True]


def test_openlineage_gets_what_a_sync_read_and_wrote(story: Story, moves: Moves) -> None:
    (event,) = [
        each
        for each in story.airflow.lineage()
        if (each["eventType"], each["job"]["name"]) == ("COMPLETE", f"{ON_CHANGE}.sync")
        and moves.burst in json.dumps(each["run"]["facets"])
    ]
    (read,), (written,) = event["inputs"], event["outputs"]
    uid = story.simulator["dev"].get("namespaces", "kube-system")["metadata"]["uid"]
    quality = read["inputFacets"]["dataQualityMetrics"]
    place = conninfo.conninfo_to_dict(story.inventory)
    pods = resources.CATALOGUE["pods"].table

    assert (read["namespace"], read["name"]) == (f"k8s://{uid}", "pods")
    assert read["inputFacets"]["inputStatistics"]["size"] > 0
    assert {name: quality[name] for name in ("rowCount", "inserted", "deleted")} == {
        "rowCount": len(story.simulator["dev"].objects("pods")),
        "inserted": 30,
        "deleted": 0,
    }
    assert written["namespace"] == f"postgres://{place['host']}:{place['port']}"
    assert written["name"] == f"{place['dbname']}.public.k8s_pods"
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 30
    fields = [(field["name"], field["type"]) for field in written["facets"]["schema"]["fields"]]
    assert fields == [(column.name, column.type) for column in pods.columns]
