"""``k8s-inventory watch`` keeps the rows as the clusters are: what changes, breaks, restarts or ends meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from k8s_inventory_demo.processes import free_port
from k8s_inventory_demo.simulator import Cluster, Simulator
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from tests.kit.inventory import Inventory
from tests.kit.objects import pod, pods, widget_definition
from tests.kit.syncer import Syncer
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.alters_database


@pytest.fixture
def kubeconfig(simulator: Simulator, tmp_path: Path) -> Path:
    return simulator.kubeconfig(tmp_path / "kubeconfig")


@contextmanager
def watching(kubeconfig: Path, dsn: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A watcher of the context ``dev`` that is ended with the block, if it has not ended before."""
    command = [sys.executable, "-m", "airflow_provider_k8s_inventory", "watch", "--kubeconfig", str(kubeconfig)]
    command += ["--dsn", dsn, "--context", "dev", *(arguments or ("--resource", "pods"))]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def is_caught_up(inventory: Inventory, *names: str) -> bool:
    return inventory.names("k8s_pods") == list(names)


def test_a_change_becomes_a_row(kubeconfig: Path, dev: Cluster, migrated_database: str, inventory: Inventory) -> None:
    dev.seed("pods", pods(2))
    with watching(kubeconfig, migrated_database):
        wait_until(lambda: is_caught_up(inventory, "web-0000", "web-0001"), "the first sync")
        dev.create("pods", pod("new"))
        dev.delete("pods", "web-0000", "default")
        wait_until(lambda: is_caught_up(inventory, "new", "web-0001"), "the changes")
        wait_until(lambda: inventory.last()["mode"] == "watch", "the line in the ledger")


def test_an_hour_is_one_line_of_the_ledger(
    kubeconfig: Path, dev: Cluster, migrated_database: str, inventory: Inventory
) -> None:
    dev.seed("pods", pods(1))
    with watching(kubeconfig, migrated_database):
        wait_until(lambda: is_caught_up(inventory, "web-0000"), "the first sync")
        for name in ("a", "b", "c"):
            dev.create("pods", pod(name))
            wait_until(lambda name=name: name in inventory.names("k8s_pods"), name)  # type: ignore[misc]
    lines = [row for row in inventory.rows("k8s_syncs", "id") if row["mode"] == "watch"]

    # Two, where an hour ended meanwhile.
    assert 1 <= len(lines) <= 2
    assert sum(row["inserted"] for row in lines) == 3


def test_a_server_that_comes_back_or_forgets_costs_no_change(
    kubeconfig: Path, simulator: Simulator, dev: Cluster, migrated_database: str, inventory: Inventory
) -> None:
    dev.seed("pods", pods(2))
    with watching(kubeconfig, migrated_database):
        wait_until(lambda: is_caught_up(inventory, "web-0000", "web-0001"), "the first sync")
        simulator.stop("dev")
        dev.create("pods", pod("new"))
        dev.delete("pods", "web-0000", "default")
        dev.compact()
        simulator.start("dev")
        wait_until(lambda: is_caught_up(inventory, "new", "web-0001"), "what changed meanwhile")


def test_a_sync_from_elsewhere_gets_the_scope_and_the_watch_goes_on(
    kubeconfig: Path, dev: Cluster, migrated_database: str, inventory: Inventory, sync: Syncer
) -> None:
    dev.seed("pods", pods(1))
    with watching(kubeconfig, migrated_database):
        wait_until(lambda: is_caught_up(inventory, "web-0000"), "the first sync")
        dev.create("pods", pod("a"))
        wait_until(lambda: sync(mode="full").status == "success", "a sync between two batches")
        dev.create("pods", pod("b"))
        wait_until(lambda: is_caught_up(inventory, "a", "b", "web-0000"), "the change after it")


def test_a_second_watcher_takes_over_from_one_that_is_killed(
    kubeconfig: Path, dev: Cluster, migrated_database: str, inventory: Inventory
) -> None:
    dev.seed("pods", pods(1))
    with watching(kubeconfig, migrated_database) as first:
        wait_until(lambda: is_caught_up(inventory, "web-0000"), "the first sync")
        with watching(kubeconfig, migrated_database):
            first.kill()
            first.wait()
            dev.create("pods", pod("new"))
            wait_until(lambda: is_caught_up(inventory, "new", "web-0000"), "the change that the second one writes")


def test_a_signal_ends_it_in_good_order(
    kubeconfig: Path, dev: Cluster, migrated_database: str, inventory: Inventory
) -> None:
    dev.seed("pods", pods(1))
    with watching(kubeconfig, migrated_database) as process:
        wait_until(lambda: is_caught_up(inventory, "web-0000"), "the first sync")
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


def test_the_health_port_tells_what_is_behind_and_the_metrics(
    kubeconfig: Path, simulator: Simulator, dev: Cluster, migrated_database: str
) -> None:
    dev.seed("pods", pods(2))
    health = f"http://127.0.0.1:{(port := free_port())}"
    asked = ("--resource", "pods", "--resource", "services", "--health-port", str(port))
    with watching(kubeconfig, migrated_database, *asked):
        wait_until(lambda: get(f"{health}/readyz")[0] == 200, "both scopes to be caught up")
        dev.create("pods", pod("new"))
        wait_until(lambda: metric(health, "inserted_total", "pods") == 3, "the change in the metrics")
        assert metric(health, "good", "pods") == metric(health, "good", "services") == 1
        assert metric(health, "lag_seconds", "services") is not None

        simulator.stop("dev")
        wait_until(lambda: metric(health, "good", "pods") == 0, "the failure in the metrics")
        wait_until(lambda: len(json.loads(get(f"{health}/readyz")[1])["behind"]) == 2, "both scopes to be behind")
        assert get(f"{health}/readyz")[0] == get(f"{health}/healthz")[0] == 200  # to restart it would help nobody


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:  # it is not there yet
        return 0, ""


def metric(health: str, name: str, resource: str) -> float | None:
    labels = {"context": "dev", "resource": resource}
    found = [
        sample.value
        for family in text_string_to_metric_families(get(f"{health}/metrics")[1])
        for sample in family.samples
        if sample.name == f"k8s_inventory_scope_{name}" and sample.labels == labels
    ]
    return found[0] if found else None


def test_a_signal_ends_it_while_postgresql_keeps_it_waiting(
    kubeconfig: Path, dev: Cluster, migrated_database: str, inventory: Inventory
) -> None:
    dev.seed("pods", pods(1))
    with (
        watching(kubeconfig, migrated_database) as process,
        psycopg.connect(migrated_database) as other,
        psycopg.connect(migrated_database, autocommit=True) as conn,
    ):
        wait_until(lambda: is_caught_up(inventory, "web-0000"), "the first sync")
        other.execute("LOCK TABLE k8s_pods IN SHARE MODE")
        dev.create("pods", pod("new"))
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        wait_until(lambda: conn.execute(waiting).fetchone() is not None, "the batch to wait for the lock")
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0


def test_what_comes_while_the_database_is_away_is_written_when_it_is_back(
    kubeconfig: Path, dev: Cluster, migrated_database: str, inventory: Inventory
) -> None:
    dev.seed("pods", pods(1))
    name = psycopg.conninfo.conninfo_to_dict(migrated_database)["dbname"]
    with (
        watching(kubeconfig, migrated_database),
        psycopg.connect(psycopg.conninfo.make_conninfo(migrated_database, dbname="postgres"), autocommit=True) as conn,
    ):
        wait_until(lambda: is_caught_up(inventory, "web-0000"), "the first sync")
        conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(str(name))))
        theirs = "datname = %s AND application_name = 'k8s-inventory'"
        conn.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {theirs}".encode(), [name])
        for number in range(3):
            dev.create("pods", pod(f"new-{number}"))
        dev.delete("pods", "web-0000", "default")
        conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(str(name))))
        wait_until(lambda: is_caught_up(inventory, "new-0", "new-1", "new-2"), "what came meanwhile")


def test_what_is_no_longer_selected_leaves_without_being_deleted(
    kubeconfig: Path, dev: Cluster, migrated_database: str, inventory: Inventory
) -> None:
    dev.create("pods", pod("in", labels={"app": "web"}))
    dev.create("pods", pod("other", labels={"app": "web"}))
    with watching(kubeconfig, migrated_database, "--resource", "pods", "-n", "default", "-l", "app=web"):
        wait_until(lambda: is_caught_up(inventory, "in", "other"), "the first sync")
        dev.create("pods", pod("elsewhere", "kube-system", labels={"app": "web"}))
        dev.create("pods", pod("unlabelled"))
        dev.patch("pods", "in", {"metadata": {"labels": {"app": "db"}}}, "default")
        dev.delete("pods", "other", "default")
        wait_until(lambda: is_caught_up(inventory), "both to be gone")
    changes = {row["name"]: row["change"] for row in inventory.rows("k8s_history", "id") if row["change"] != "created"}
    assert changes == {"in": "unselected", "other": "deleted"}


def test_another_cluster_behind_the_address_changes_no_row(
    dev: Cluster, migrated_database: str, inventory: Inventory, tmp_path: Path
) -> None:
    dev.seed("pods", pods(2))
    other = Cluster("dev")
    other.seed("namespaces", [{"metadata": {"name": "kube-system", "uid": "another"}}])
    # What the watch would take for changes of the first cluster.
    while other.resource_version <= dev.resource_version:
        other.create("pods", pod(f"other-{other.resource_version}"))
    folder = tmp_path / "certificates"
    with Simulator([dev], folder=folder) as simulator:
        kubeconfig = simulator.kubeconfig(tmp_path / "kubeconfig")
        port = int(simulator.url("dev").rpartition(":")[2])
        with watching(kubeconfig, migrated_database):
            wait_until(lambda: is_caught_up(inventory, "web-0000", "web-0001"), "the first sync")
            simulator.stop("dev")
            with Simulator([other], folder=folder, ports={"dev": port}):
                refused = "SELECT id FROM k8s_syncs WHERE status = 'refused'"
                wait_until(lambda: bool(inventory.query(refused)), "the refusal")
    assert inventory.names("k8s_pods") == ["web-0000", "web-0001"]


def test_a_role_that_may_only_sync_is_told_what_to_grant(
    kubeconfig: Path, migrated_database: str, inventory: Inventory
) -> None:
    inventory.query("CREATE ROLE no_watcher")
    try:
        inventory.query("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO no_watcher")
        inventory.query("REVOKE UPDATE ON k8s_syncs FROM no_watcher")
        with watching(
            kubeconfig, psycopg.conninfo.make_conninfo(migrated_database, options="-c role=no_watcher")
        ) as it:
            said = it.communicate(timeout=60)[1]
    finally:
        inventory.query("DROP OWNED BY no_watcher")
        inventory.query("DROP ROLE no_watcher")

    assert it.returncode == 1
    assert "GRANT UPDATE ON public.k8s_syncs TO no_watcher" in said


def test_a_new_custom_resource_joins(
    kubeconfig: Path, dev: Cluster, migrated_database: str, inventory: Inventory
) -> None:
    asked = ("--resource", "*.example.com", "--resource", "pods", "--interval", "1")
    with watching(kubeconfig, migrated_database, *asked):
        dev.create("pods", pod("old"))
        wait_until(lambda: is_caught_up(inventory, "old"), "the watch")
        dev.create("customresourcedefinitions", widget_definition())
        dev.create("widgets.example.com", {"metadata": {"name": "first"}, "spec": {}}, "default")
        wait_until(lambda: inventory.names("k8s_custom_resources") == ["first"], "the instance of the new resource")
