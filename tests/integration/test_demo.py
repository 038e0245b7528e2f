"""What `make demo`, `make ui` and `make demo-stop` do."""

from __future__ import annotations

import io
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
import urllib3
from k8s_inventory_demo import run, simulated, stage
from k8s_inventory_demo.airflow import home as airflow_home
from k8s_inventory_demo.airflow.api import AirflowApi
from k8s_inventory_demo.postgres.server import PostgresServer
from k8s_inventory_demo.stage import Wanted
from rich.console import Console

from airflow_provider_k8s_inventory.exceptions import DatabaseError, InventoryError, KubeconfigError, UsageError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DAGS = Path(__file__).parents[2] / "dags"
TABLES = {
    "k8s_clusters": 2, "k8s_namespaces": 8, "k8s_pods": 22, "k8s_deployments": 5, "k8s_services": 6, "k8s_crds": 0,
    "k8s_custom_resources": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("demo")
    yield folder
    stage.take_down(Console(quiet=True), folder)
    shutil.rmtree((folder / "pg").resolve(), ignore_errors=True)  # root's may be a link to elsewhere


@pytest.fixture(scope="module")
def first(folder: Path) -> str:
    """What the first run prints."""
    return printed(Wanted(folder=folder, dags=DAGS))


@pytest.fixture
def inventory(folder: Path, first: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(PostgresServer(folder / "pg").start().dsn("inventory"), autocommit=True) as conn:
        yield conn


def printed(wanted: Wanted, *, success: bool = True) -> str:
    console = Console(file=io.StringIO(), width=120)
    assert run.run(console, wanted) is success
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row_versions(conn: psycopg.Connection) -> Mapping[str, list[tuple[object, ...]]]:
    """Which transaction wrote each row, and where it lies."""
    query = "SELECT context_name, uid, xmin::text, ctid::text FROM {} ORDER BY 1, 2"
    return {table: conn.execute(query.format(table).encode()).fetchall() for table in TABLES}


def test_it_shows_how_many_rows_each_table_has(first: str) -> None:
    rows = dict(re.findall(r"(k8s_\w+)\s+(\d+) *$", first, re.MULTILINE))
    assert rows == {
        "k8s_clusters": "2",
        "k8s_namespaces": "8",
        "k8s_pods": "22",
        "k8s_deployments": "5",
        "k8s_services": "6",
        "k8s_custom_resources": "0",
    }


def test_the_tables_hold_what_it_shows(inventory: psycopg.Connection) -> None:
    assert {table: len(rows) for table, rows in row_versions(inventory).items()} == TABLES


def test_it_says_how_the_run_went(first: str) -> None:
    assert "Rows: 43 inserted, 0 updated, 0 unchanged, 0 deleted" in first
    assert re.search(r"^Sync completed successfully\. Resources: 43, Errors: 0, Warnings: 0, Time: \d+s$", first, re.M)


def test_it_answers_a_question(first: str) -> None:
    assert re.search(r"dev +default +shop-worker +1 +2", first)


def test_the_commands_it_names_work(first: str, folder: Path) -> None:
    (psql,) = re.findall(r"^ +(\S*psql \S+)$", first, re.MULTILINE)
    query = [*psql.split(), "--no-psqlrc", "--tuples-only", "--command=SELECT count(*) FROM k8s_pods"]
    assert subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip() == "22"
    assert f"kubectl --kubeconfig {folder / 'kubeconfig'} get pods -A" in first


def program(
    *arguments: str | Path, folder: Path, package: str = "airflow_provider_k8s_inventory"
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", package, *map(str, arguments)]
    environment = os.environ | {"DATABASE_URL": PostgresServer(folder / "pg").start().dsn("inventory")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def demo(*arguments: str, folder: Path, of: Path | None = None) -> subprocess.CompletedProcess[str]:
    return program("--folder", of or folder, *arguments, folder=folder, package="k8s_inventory_demo")


def test_a_broken_cluster_keeps_its_rows_and_answers_again_when_it_is_healed(
    folder: Path, inventory: psycopg.Connection
) -> None:
    sync = ("sync", "--kubeconfig", folder / "kubeconfig", "--resource", "pods")
    broken = demo("--break", "prod", folder=folder)
    failed = program(*sync, folder=folder)
    status = program("status", folder=folder)
    healed = demo("--heal", "prod", folder=folder)
    synced = program(*sync, folder=folder)

    assert (broken.returncode, broken.stderr, healed.returncode, healed.stderr) == (0, "", 0, "")
    assert "prod refuses all connections" in broken.stdout
    assert "k8s-inventory-demo --heal prod" in broken.stdout
    assert failed.returncode == status.returncode == 1
    assert re.search(r"^prod · pods: unreachable: .*connection refused", failed.stdout, re.MULTILINE)
    assert "prod · pods: failing, last good" in status.stdout
    assert "prod responds again" in healed.stdout
    assert synced.returncode == 0
    assert len(row_versions(inventory)["k8s_pods"]) == 22


@pytest.mark.usefixtures("first")
def test_only_a_cluster_of_the_demo_can_be_broken(folder: Path, tmp_path: Path) -> None:
    unknown, none = demo("--break", "staging", folder=folder), demo("--break", "prod", folder=folder, of=tmp_path)
    both = demo("--break", "prod", "--heal", "dev", folder=folder)

    assert (unknown.returncode, none.returncode, both.returncode) == (2, 2, 2)
    assert "there are dev, prod, lab" in unknown.stderr
    assert "`make demo` starts them" in none.stderr


def test_a_third_cluster_has_nodes_and_custom_resources(folder: Path, inventory: psycopg.Connection) -> None:
    synced = program("sync", "--kubeconfig", folder / "lab", "--resource", "*", folder=folder)
    found = inventory.execute("SELECT resource, name FROM k8s_objects WHERE context_name = 'lab'").fetchall()
    for table in (*TABLES, "k8s_nodes"):
        inventory.execute(f"DELETE FROM {table} WHERE context_name = 'lab'".encode())

    assert (synced.returncode, synced.stderr) == (0, "")
    assert "Errors: 0, Warnings: 0" in synced.stdout
    assert {("certificates.cert-manager.io", "shop-web"), ("nodes", "lab")} <= set(found)


def test_a_second_run_changes_no_row(folder: Path, inventory: psycopg.Connection) -> None:
    before = row_versions(inventory)
    assert "Rows: 0 inserted, 0 updated, 43 unchanged, 0 deleted" in printed(Wanted(folder=folder, dags=DAGS))
    after = row_versions(inventory)
    # But synced_at of the clusters, which says when a row was last found to be true.
    assert {table: after[table] == rows for table, rows in before.items()} == dict.fromkeys(TABLES, True) | {
        "k8s_clusters": False
    }


@pytest.mark.usefixtures("first")
def test_everything_is_the_same_after_a_stop(folder: Path) -> None:
    def what_clients_see() -> tuple[str, str]:
        home = stage.set_up(Console(quiet=True), Wanted(folder=folder, dags=DAGS), airflow="airflow_run")
        return home.inventory, Path(home.kubeconfig).read_text()

    before = what_clients_see()
    stage.take_down(Console(quiet=True), folder)
    assert simulated.stop(folder) is False
    assert what_clients_see() == before


@pytest.mark.usefixtures("first")
def test_given_clusters_go_to_a_given_database_and_one_that_refuses_fails_the_demo(
    folder: Path, empty_database: str, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(re.sub(r'(token"?: "?)\w', r"\1wrong", (folder / "kubeconfig").read_text()))
    wanted = Wanted(folder=folder, dags=DAGS, clusters=str(kubeconfig), dsn=empty_database)
    output = printed(wanted, success=False)
    assert re.search(r"^dev · clusters, .*pods.*: unauthorized: ", output, re.MULTILINE)
    assert re.search(r"Sync completed with errors\. Resources: \d\d, Errors: 6, Warnings: 0", output)
    with psycopg.connect(empty_database) as conn:
        assert {row[0] for row in row_versions(conn)["k8s_pods"]} == {"prod"}
    password = empty_database.split(":")[2].partition("@")[0]
    assert password not in output


def test_a_kubeconfig_that_is_not_there_is_wrong_usage(folder: Path) -> None:
    with pytest.raises(KubeconfigError, match="no kubeconfig /nowhere"):
        run.run(Console(quiet=True), Wanted(folder=folder, dags=DAGS, clusters="/nowhere"))


def test_a_folder_without_the_dag_is_wrong_usage(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no k8s_inventory\.py in"):
        run.run(Console(quiet=True), Wanted(folder=folder, dags=tmp_path))


def test_a_dag_that_cannot_be_loaded_is_shown_with_its_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "k8s_inventory.py").write_text("from airflow.sdk import DAG\nimport no_such_module\n")
    with pytest.raises(InventoryError, match=r"could not run the DAG(.|\n)*no_such_module"):
        run.run(Console(quiet=True), Wanted(folder=folder, dags=tmp_path))


def test_a_database_that_cannot_be_reached_ends_it_before_airflow_starts(folder: Path) -> None:
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:1/inventory"):
        run.run(Console(quiet=True), Wanted(folder=folder, dags=DAGS, dsn="postgresql://127.0.0.1:1/inventory"))


@pytest.mark.usefixtures("first")
def test_the_ui_runs_the_dag_and_ends_with_an_interrupt(folder: Path) -> None:
    command = [sys.executable, "-m", "k8s_inventory_demo", "--ui", f"--folder={folder}"]
    with subprocess.Popen([*command, f"--dags={DAGS}"], stdout=subprocess.PIPE, text=True) as ui:
        assert ui.stdout
        shown = "".join(itertools.takewhile(lambda line: "Ctrl-C ends it" not in line, ui.stdout))
        (url,) = re.findall(r"Airflow is at (http://127\.0\.0\.1:\d+)/dags/k8s_inventory", shown)
        assert AirflowApi(url).has_run("k8s_inventory")
        ui.send_signal(signal.SIGINT)
        assert ui.stdout.read() == "Airflow has ended.\n"
    assert ui.returncode == 0
    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.request("GET", url, retries=False)


@pytest.mark.parametrize(
    ("dsn", "fields"),
    [
        (
            "postgresql://me:secret@db:5433/inventory?sslmode=require",
            {"host": "db", "port": 5433, "login": "me", "password": "secret", "schema": "inventory"},
        ),
        ("host=db dbname=inventory sslmode=require", {"host": "db", "schema": "inventory"}),
    ],
)
def test_every_kind_of_dsn_becomes_a_connection(dsn: str, fields: Mapping[str, object]) -> None:
    expected = {"conn_type": "postgres", **fields, "extra": {"sslmode": "require"}}
    assert airflow_home.connection(dsn) == expected


@pytest.mark.parametrize(
    "name", ["KUBECONFIG", "DATABASE_URL", "AIRFLOW__CORE__EXECUTOR", "K8S_CONTEXTS", "PGPASSWORD"]
)
def test_settings_of_the_users_shell_do_not_lead_elsewhere(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/of/the/user")
    home = airflow_home.AirflowHome(
        folder=Path("/home"), dags=Path("/dags"), database="postgresql://", inventory="", kubeconfig="/ours"
    )
    assert "/of/the/user" not in home.environment().values()
