"""The checks of the inventory: what they find, how they say it, and that no asset event is sent in spite of them."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from k8s_inventory_demo.simulator import Fault, Simulator

from airflow_provider_k8s_inventory.exceptions import ScopeError, UsageError
from airflow_provider_k8s_inventory.operators.check import KubernetesInventoryCheckOperator
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator
from tests.airflow.bags import bag
from tests.airflow.tasks import TaskInstance, execute

pytestmark = [pytest.mark.usefixtures("kubeconfig"), pytest.mark.timeout(180)]


def sync(context: str, resource: str = "pods,services") -> None:
    operator = KubernetesToPostgresOperator(task_id="sync", cluster_context=context, resource=resource)
    with suppress(ScopeError):
        execute(operator, TaskInstance("sync"))


def check(ti: TaskInstance | None = None, **arguments: Any) -> dict[str, Any]:
    checked: dict[str, Any] = execute(KubernetesInventoryCheckOperator(task_id="check", **arguments), ti)["checks"]
    return checked


def failing(**arguments: Any) -> tuple[str, dict[str, Any]]:
    """The message, and the checks by name, as they are in the XCom."""
    ti = TaskInstance("check")
    with pytest.raises(AirflowFailException) as caught:
        check(ti, **arguments)
    return str(caught.value), json.loads(json.dumps(ti.pushed["return_value"]))["checks"]


def change(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute(statement.encode())


def rows(dsn: str, checks: dict[str, Any]) -> dict[str, int]:
    """How many rows the SQL of each check has."""
    with psycopg.connect(dsn) as conn:
        return {name: len(conn.execute(each["sql"].encode()).fetchall()) for name, each in checks.items()}


def test_a_fresh_and_whole_inventory_passes(inventory: str) -> None:
    for context in ("dev", "dev", "prod"):
        sync(context)
    checks = check(contexts=["dev", "p*"], resource_names="pods,svc", max_warnings=0, max_fall=0, fall_from=1)
    assert list(checks) == ["nothing_missing", "fresh", "no_fall", "few_warnings"]
    assert {each["passed"] for each in checks.values()} == {True}
    assert set(rows(inventory, checks).values()) == {0}


def test_all_that_failed_is_told_at_once_with_sql_that_finds_it(inventory: str, simulator: Simulator) -> None:
    sync("dev")
    sync("prod")
    for each in simulator["dev"].objects("pods")[:8]:
        simulator["dev"].delete("pods", each["metadata"]["name"], each["metadata"]["namespace"])
    sync("dev", "pods")
    change(inventory, "UPDATE k8s_scopes SET last_success_at = now() - interval '3 h' WHERE context_name = 'prod'")
    change(inventory, "UPDATE k8s_syncs SET warnings = '{a,b}' WHERE context_name = 'dev' AND resource = 'services'")

    said, checks = failing(contexts=["dev", "prod", "lab"], max_warnings=1)

    assert {name: each["failed"] for name, each in checks.items()} == rows(inventory, checks)
    assert {name: each["failed"] for name, each in checks.items()} == {
        "nothing_missing": 1,
        "fresh": 2,
        "no_fall": 1,
        "few_warnings": 1,
    }
    assert said.startswith("4 of 4 checks failed\nnothing_missing: ")
    assert all(each["sql"] in said for each in checks.values())
    assert "was once synced: lab\n" in said
    assert "within 2 h: prod · pods (3 h), prod · services (3 h)\n" in said
    assert "50 % of its objects: dev · pods (3 after 11)\n" in said
    assert "at most 1 warnings: dev · services (2)\n" in said


def test_only_what_is_asked_for_is_judged(inventory: str) -> None:
    sync("dev")
    sync("prod")
    change(inventory, "UPDATE k8s_scopes SET last_success_at = NULL WHERE context_name = 'prod'")
    old = "last_success_at = now() - interval '1 d'"
    change(inventory, f"UPDATE k8s_scopes SET {old} WHERE context_name = 'dev' AND resource = 'pods'")
    assert check(contexts="d*", resource_names="*,!po")["fresh"]["passed"]
    assert check(exclude_contexts=["prod"], resource_names="services")["fresh"]["passed"]
    assert check(contexts="dev", fresh_within=timedelta(days=2), max_fall=None)["fresh"]["passed"]
    _, checks = failing(resource_names=["!services"], fresh_within="None")
    assert checks["nothing_missing"]["failed"] == 1
    assert "fresh" not in checks


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({}, "*"),
        ({"contexts": "dev,no-*"}, "no-*"),
        ({"contexts": "dev", "resource_names": "pods,ingresses"}, "dev · ingresses"),
        ({"contexts": "dev", "resource_names": "*.example.com"}, "dev · *.example.com"),
        ({"contexts": "dev", "planned": [{"cluster_context": "lab", "resource": "pods"}]}, "lab"),
    ],
)
def test_what_was_never_synced_is_missing(asked: dict[str, Any], missing: str, inventory: str) -> None:
    if asked:
        sync("dev")
    said, checks = failing(**asked)
    assert f"was once synced: {missing}\n" in said
    assert checks["nothing_missing"]["failed"] == 1


def test_a_scope_that_only_failed_is_neither_there_nor_fresh(inventory: str, simulator: Simulator) -> None:
    simulator["dev"].inject(Fault(path="/pods$", status=400, times=None))
    sync("dev", "pods")
    said, checks = failing()
    assert [name for name, each in checks.items() if not each["passed"]] == ["nothing_missing", "fresh"]
    assert "dev · pods (never)" in said


def test_it_is_tried_again_on_request(inventory: str) -> None:
    with pytest.raises(AirflowException, match="1 of 3 checks failed") as caught:
        check(retry_on_failure="True")
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"fresh_within": "soon"}, "fresh_within: 'soon' is no span of time"),
        ({"fresh_within": 7200}, "fresh_within must be a span of time"),
        ({"max_fall": 101}, "max_fall must be a percentage"),
        ({"max_fall": "half"}, "max_fall must be a percentage"),
        ({"max_warnings": -1}, "max_warnings must be a whole number"),
        ({"last_syncs": 0}, "last_syncs must be a positive whole number"),
        ({"fall_from": None}, "fall_from must be a whole number"),
        ({"contexts": [1]}, "contexts must be text or a list of texts"),
        ({"resource_names": "pods/log"}, "pods/log"),
    ],
)
def test_a_value_that_cannot_be_is_refused_when_the_dag_is_parsed(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        KubernetesInventoryCheckOperator(task_id="check", **arguments)


def test_a_template_is_read_when_it_is_rendered(inventory: str) -> None:
    operator = KubernetesInventoryCheckOperator(
        task_id="check", max_fall="{{ params.fall }}", fresh_within="{{ '3m' }}"
    )
    operator.render_template_fields({"params": {"fall": 200}, "ti": TaskInstance("check")})  # type: ignore[typeddict-item]
    assert operator.fresh_within == "3m"
    with pytest.raises(AirflowFailException, match="max_fall must be a percentage, a number from 0 to 100, got '200'"):
        execute(operator)


GATED = """
from airflow.providers.common.sql.operators.sql import SQLColumnCheckOperator, SQLTableCheckOperator
from airflow.sdk import DAG, Asset

from airflow_provider_k8s_inventory.operators.check import KubernetesInventoryCheckOperator
from airflow_provider_k8s_inventory.operators.publish import KubernetesInventoryPublishOperator
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator

with DAG("gated", schedule=None, params={"contexts": "dev", "max_restarts": 1000000}):
    sync = KubernetesToPostgresOperator(task_id="sync", cluster_context="dev", resource="pods")
    columns = SQLColumnCheckOperator(
        task_id="columns",
        conn_id="postgres_default",
        table="k8s_pods",
        column_mapping={"uid": {"null_check": {"equal_to": 0}, "distinct_check": {"equal_to": 11}}},
    )
    table = SQLTableCheckOperator(
        task_id="table",
        conn_id="postgres_default",
        table="k8s_pods",
        checks={"few_restarts": {"check_statement": "restarts <= {{ params.max_restarts }}"}},
    )
    check = KubernetesInventoryCheckOperator(task_id="check", contexts="{{ params.contexts }}")
    publish = KubernetesInventoryPublishOperator(task_id="publish", outlets=[Asset("gated_tables")])
    sync >> [columns, table, check] >> publish
"""


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(
    ("conf", "failed"),
    [({}, set()), ({"contexts": "dev,lab"}, {"check", "publish"}), ({"max_restarts": -1}, {"table", "publish"})],
    ids=["all pass", "ours fails", "Airflow's fails"],
)
def test_the_event_is_sent_only_after_checks_that_passed(
    conf: dict[str, Any], failed: set[str], inventory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "gated.py").write_text(GATED)
    monkeypatch.setattr("airflow.settings.DAGS_FOLDER", str(folder))  # `dag.test` reads it for its bundle
    run = bag(folder).dags["gated"].test(run_conf=conf)
    ended = {each.task_id: str(each.state) for each in run.get_task_instances()}
    tasks = ("sync", "columns", "table", "check", "publish")
    assert ended == {name: "failed" if name in failed else "success" for name in tasks}
