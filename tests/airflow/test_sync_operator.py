"""One scope synced by the operator: what it returns, pushes, writes and raises."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException
from k8s_inventory_demo.simulator import Fault, Rule, Simulator, User
from k8s_inventory_demo.simulator.pods import pods

from airflow_provider_k8s_inventory.exceptions import DatabaseError, KubeconfigError, ScopeError
from airflow_provider_k8s_inventory.operators.migrate import KubernetesInventoryMigrateOperator
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator
from tests.airflow.tasks import TaskInstance, execute

pytestmark = pytest.mark.usefixtures("kubeconfig")


def sync(ti: TaskInstance | None = None, **arguments: Any) -> Any:
    options = {"cluster_context": "dev", "resource": "pods"} | arguments
    return execute(KubernetesToPostgresOperator(task_id="sync", **options), ti)


def select(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(query.encode()).fetchall()


def test_the_rows_are_what_the_cluster_says(inventory: str, simulator: Simulator) -> None:
    sync()
    names = {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in simulator["dev"].objects("pods")}
    assert set(select(inventory, "SELECT namespace, name FROM k8s_pods")) == names


def test_the_report_is_returned(inventory: str) -> None:
    report = sync()
    assert (report["context_name"], report["resource"], report["status"]) == ("dev", "pods", "success")
    assert (report["seen"], report["inserted"], report["warnings"]) == (11, 11, [])


def test_the_ledger_names_the_task_instance(inventory: str) -> None:
    sync(TaskInstance("sync", run_id="r", map_index=7, try_number=4))
    assert select(inventory, "SELECT dag_id, run_id, task_id, map_index, try_number FROM k8s_syncs") == [
        ("k8s_inventory", "r", "sync", 7, 4)
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"resource": "po"},
        {"namespaces": "kube-system, default"},
        {"namespaces": "['kube-system', 'default']"},
        {"store_object": "True", "allow_mass_delete": "False"},
        {"page_size": "3"},
        {"mode": "full"},
    ],
    ids=str,
)
def test_arguments_may_come_as_the_text_jinja_renders(arguments: dict[str, Any], inventory: str) -> None:
    assert sync(**arguments)["seen"] == 11


@pytest.mark.parametrize(
    "label_selector",
    ["k8s-app=kube-dns", ["pods:k8s-app in (kube-dns)"], "['pods:k8s-app in (kube-dns)', 'services:app=x']"],
    ids=str,
)
def test_labels_are_selected_native_or_rendered(label_selector: Any, inventory: str) -> None:
    report = sync(label_selector=label_selector, namespaces=["*", "!kube-public"])

    found = select(inventory, "SELECT count(*), count(*) FILTER (WHERE labels->>'k8s-app' = 'kube-dns') FROM k8s_pods")
    assert found == [(report["seen"], report["seen"])]
    assert report["seen"] > 0
    assert select(inventory, "SELECT label_selector, namespaces FROM k8s_syncs") == [
        ("k8s-app=kube-dns", ["*", "!kube-public"])
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"label_selector": ["a=1", "a=2"]},
        {"field_selector": "a"},
        {"field_selector": "spec.nodeName=a\nb"},
        {"label_selector": {"app": "web"}},
    ],
    ids=str,
)
def test_selectors_that_cannot_be_are_refused_without_a_retry(arguments: Any, inventory: str) -> None:
    with pytest.raises(AirflowFailException, match="selector"):
        sync(**arguments)
    assert select(inventory, "SELECT status FROM k8s_syncs") == []  # before any request


@pytest.mark.parametrize(
    ("history", "kept"),
    [
        (None, True),
        ("None", True),
        ([], True),
        ("[]", True),
        ({"leases": "on"}, True),
        (False, False),
        ("False", False),
        ("off", False),
        (["nodes:90", "pods:off"], False),
        ("['nodes:90', 'pods:off']", False),
        ({"pods": False}, False),
        ("{'pods': 'off'}", False),
        ("[dp]*:off", False),
    ],
    ids=str,
)
def test_history_is_kept_or_not_native_or_rendered(history: Any, kept: bool, inventory: str) -> None:
    sync(history=history)

    # NULL: no history is kept of the resource.
    assert select(inventory, "SELECT changes IS NOT NULL FROM k8s_syncs") == [(kept,)]


def test_a_rule_of_history_that_cannot_be_is_refused_without_a_retry(inventory: str) -> None:
    with pytest.raises(AirflowFailException, match="history: 'pods:soon' is no rule"):
        sync(history="pods:soon")


def test_only_the_namespaces_that_are_asked_for_are_read(inventory: str) -> None:
    sync(namespaces=["default"])
    assert select(inventory, "SELECT DISTINCT namespace FROM k8s_pods") == [("default",)]


def test_objects_are_left_out_on_request(inventory: str) -> None:
    sync(store_object=False)
    assert select(inventory, "SELECT count(*), count(object) FROM k8s_pods") == [(11, 0)]


def test_the_page_size_is_the_operators(inventory: str) -> None:
    sync(page_size=4)
    assert select(inventory, "SELECT pages FROM k8s_syncs") == [(3,)]


@pytest.mark.parametrize("mark", ["delete", "mark"])
def test_rows_of_objects_that_are_gone_are_deleted_or_marked(mark: str, inventory: str, simulator: Simulator) -> None:
    sync(resource="services")
    simulator["dev"].delete("services", "shop-web", "default")
    assert sync(resource="services", on_delete=mark)["deleted"] == 1
    left = select(inventory, "SELECT deleted_at IS NULL FROM k8s_services WHERE name = 'shop-web'")
    assert left == ([] if mark == "delete" else [(False,)])


@pytest.mark.alters_database
def test_the_tables_may_be_in_another_schema(inventory: str) -> None:
    with psycopg.connect(inventory) as conn:
        conn.execute("CREATE SCHEMA other")
    execute(KubernetesInventoryMigrateOperator(task_id="migrate", schema="other"))
    sync(schema="other")
    assert select(inventory, "SELECT count(*) FROM other.k8s_pods") == [(11,)]
    assert select(inventory, "SELECT count(*) FROM public.k8s_pods") == [(0,)]


def test_a_resource_the_cluster_does_not_serve_is_absent_and_no_failure(inventory: str) -> None:
    report = sync(resource="widgets.example.com")
    assert (report["status"], report["seen"]) == ("absent", 0)


def test_a_failed_scope_fails_the_task_and_leaves_its_report(inventory: str, simulator: Simulator) -> None:
    simulator["dev"].inject(Fault(path="/pods$", body=b"<html>", times=None))
    ti = TaskInstance("sync")
    with pytest.raises(ScopeError, match=r"dev · pods: failed: "):
        sync(ti)
    assert ti.pushed["return_value"]["status"] == "failed"
    assert select(inventory, "SELECT status, map_index FROM k8s_syncs") == [("failed", 3)]


def test_bad_credentials_are_tried_again(inventory: str, simulator: Simulator) -> None:
    simulator["dev"].add_user(User(name="admin", token="another"))
    with pytest.raises(ScopeError, match=r"dev · pods: unauthorized: "):
        sync()


def test_what_rbac_forbids_is_not_tried_again(inventory: str, simulator: Simulator) -> None:
    token = simulator.token("dev")
    simulator["dev"].add_user(User(name="admin", token=token, denied=(Rule(resources=("pods",)),)))
    with pytest.raises(AirflowFailException, match=r"dev · pods: forbidden: .*pods"):
        sync()


def test_a_mass_delete_is_refused_and_not_tried_again(inventory: str, simulator: Simulator) -> None:
    simulator["dev"].seed("pods", pods(150))
    sync()
    for pod in simulator["dev"].objects("pods")[:100]:
        simulator["dev"].delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])
    with pytest.raises(AirflowFailException, match=r"dev · pods: refused: .*allow_mass_delete"):
        sync()
    assert sync(allow_mass_delete=True)["deleted"] == 100


def test_an_unknown_context_is_not_tried_again_and_nothing_is_written(inventory: str) -> None:
    with pytest.raises(AirflowFailException, match=r"no context 'prd' in .*; it has prod, dev"):
        sync(cluster_context="prd")
    assert select(inventory, "SELECT count(*) FROM k8s_syncs") == [(0,)]


def test_a_context_is_no_glob(inventory: str) -> None:
    with pytest.raises(AirflowFailException, match=r"no context 'd\*'"):
        sync(cluster_context="d*")


def test_a_kubeconfig_that_cannot_be_read_is_tried_again(
    inventory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half").write_text("contexts: [")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "half"))
    with pytest.raises(KubeconfigError, match="half is not YAML"):
        sync()


def test_a_worker_without_a_kubeconfig_is_named_in_the_error_and_in_the_ledger(
    inventory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/kubeconfig")
    host, ti = socket.gethostname(), TaskInstance("sync")
    with pytest.raises(KubeconfigError, match=f"^on {host}: no kubeconfig") as raised:
        sync(ti, resource="pods,services")
    assert ti.pushed["failure"] == {"reason": str(raised.value), "host": host, "map_index": 3, "try_number": 2}
    assert select(inventory, "SELECT resource, status, host, reason LIKE 'on %: no kubeconfig%' FROM k8s_syncs") == [
        ("pods", "failed", host, True),
        ("services", "failed", host, True),
    ]


def test_a_task_that_fails_raises_the_reason_once(
    inventory: str, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    simulator["dev"].inject(Fault(path="/pods$", body=b"<html>", times=None))
    with pytest.raises(ScopeError) as raised:
        sync()
    assert (raised.value.__cause__, raised.value.__suppress_context__) == (None, True)
    assert str(raised.value) not in caplog.text


def test_a_missing_connection_leaves_its_reason_to_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    ti = TaskInstance("sync")
    with pytest.raises(AirflowNotFoundException):
        sync(ti, postgres_conn_id="nowhere")
    assert "nowhere" in ti.pushed["failure"]["reason"]


def test_the_log_says_server_version_table_pages_bytes_and_counts(
    inventory: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    sync(resource="clusters")
    sync()
    said = caplog.text + capfd.readouterr().out
    assert re.search(r"dev · pods: https://127\.0\.0\.1:\d+ \(Kubernetes v1[.\d]+\) → public\.k8s_pods", said)
    assert re.search(r"dev · pods: 11 objects in \d\.\d s \(mode full, pages: 1, \d+ kB\): 11 inserted, 0 upd", said)


def test_an_unknown_resource_is_not_tried_again(inventory: str) -> None:
    with pytest.raises(AirflowFailException, match="did you mean pods"):
        sync(resource="podss")


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("on_delete", "keep"),
        ("mode", "fast"),
        ("page_size", 0),
        ("page_size", True),
        ("allow_mass_delete", "perhaps"),
        ("store_object", 1),
        ("namespaces", [None]),
        ("schema", "a%b"),
    ],
)
def test_values_that_cannot_be_are_named_and_not_tried_again(argument: str, value: Any, inventory: str) -> None:
    with pytest.raises(AirflowFailException, match=argument):
        sync(**{argument: value})


def test_a_database_that_was_never_migrated_says_what_to_do(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", empty_database)
    with pytest.raises(DatabaseError, match="migrate"):
        sync()


def test_a_missing_connection_is_airflows_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowNotFoundException, match="nowhere"):
        sync(postgres_conn_id="nowhere")
