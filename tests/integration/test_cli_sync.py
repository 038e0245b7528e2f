"""`k8s-inventory sync`: what it prints, where, and the status it ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, Simulator, User

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import named, pod, pods, widget_definition


def spoil(kubeconfig: Path, context: str) -> None:
    """Give a context a token that no server knows."""
    document = yaml.safe_load(kubeconfig.read_text())
    for user in document["users"]:
        if user["name"].startswith(context):
            user["user"]["token"] = "expired"
    kubeconfig.write_text(yaml.safe_dump(document))


def last_line(output: str) -> str:
    return output.rstrip().rpartition("\n")[2]


def untimed(line: str) -> str:
    return line.rpartition(", Time: ")[0]


def test_it_ends_with_the_line_of_the_replaced_system(run: CommandLine, dev: Cluster, prod: Cluster) -> None:
    dev.seed("pods", pods(5))
    prod.seed("services", [named("web", "default")])
    result = run.sync()

    # Of each of the two clusters: itself and its four namespaces.
    assert result.exit_code == 0
    assert untimed(last_line(result.stdout)) == ("Sync completed successfully. Resources: 16, Errors: 0, Warnings: 0")
    assert last_line(result.stdout).endswith("s")
    assert result.stderr == ""


def test_what_is_read_is_narrowed_as_kubectl_narrows_it(run: CommandLine, dev: Cluster, inventory: Inventory) -> None:
    dev.seed("namespaces", [named("team-a"), named("team-b")])
    dev.seed("pods", [pod("web", "team-a", labels={"app": "web"}), pod("db", "team-a"), pod("old", "team-b")])
    which = ("--context", "dev", "--resource", "pods", "--resource", "namespaces")
    narrowed = ("-n", "team-*", "-n", "!team-b", "-l", "pods:app in (web, shop)", "--field-selector", "pods:spec.x=1")
    result = run.sync(*which, *narrowed[:-2])

    assert result.exit_code == 0, result.stdout
    assert inventory.names("k8s_pods") == ["web"]
    assert inventory.count("k8s_namespaces") == 6
    result = run.sync(*which, *narrowed)
    assert result.exit_code == 1
    assert "dev · pods (team-*, !team-b -l app in (shop,web) --field-selector spec.x=1): failed: " in result.stdout
    assert "correct the selector" in result.stdout
    dev.patch("pods", "web", {"metadata": {"labels": {"app": "db"}}}, "team-a")
    result = run.sync(*which, *narrowed[:-2])
    assert "unselected" in result.stdout


def test_a_path_to_redact_that_matches_nothing_anywhere_is_said_once(run: CommandLine, dev: Cluster) -> None:
    dev.seed("pods", [pod("web", node="one")])
    which = ("--context", "dev", "--resource", "pods", "--resource", "namespaces")
    paths = ("--redact", ".spec.nodeName", "--redact", ".spec.nowhere", "--redact", "pods:.spec.nothing")
    result = run.sync(*which, *paths, "--mode", "full")
    said = [line for line in result.stdout.splitlines() if "matched nothing" in line]

    assert said == [
        "dev · pods: warning: redact: pods:.spec.nothing matched nothing",
        "warning: redact: .spec.nowhere matched nothing in this run",
    ]
    # What was not read whole may have matched.
    assert "matched nothing" not in run.sync(*which, *paths, "--mode", "metadata").stdout


def test_what_a_glob_leaves_out_is_said_once(run: CommandLine) -> None:
    result = run.sync("--context", "dev", "--resource", "*", "--resource", "!*.authorization.k8s.io")
    said = [line for line in result.stdout.splitlines() if "left out" in line]

    assert said == [
        "dev: left out: secrets, which must be named; bindings, selfsubjectreviews.authentication.k8s.io, "
        "tokenreviews.authentication.k8s.io, which cannot be listed"
    ]
    named = run.sync("--context", "dev", "--resource", "config", "--resource", "secrets", "--json")
    assert "left out" not in named.stderr


def test_above_it_is_a_table_of_the_scopes_in_the_order_they_were_asked_for(run: CommandLine, dev: Cluster) -> None:
    dev.seed("pods", pods(5))
    lines = run.sync("--resource", "pods", "--resource", "nodes").stdout.splitlines()
    scopes = [line.split()[:4] for line in lines if line.startswith((" dev", "dev", " prod", "prod"))]

    assert scopes == [
        ["dev", "pods", "success", "5"],
        ["dev", "nodes", "success", "0"],
        ["prod", "pods", "success", "0"],
        ["prod", "nodes", "success", "0"],
    ]


def test_a_scope_that_failed_is_an_error_and_status_1(run: CommandLine, dev: Cluster) -> None:
    dev.add_user(User(name="admin", groups=(), denied=(Rule(resources=("pods",)),)))
    result = run.sync("--context", "dev", "--resource", "pods", "--resource", "namespaces")

    assert result.exit_code == 1
    assert untimed(last_line(result.stdout)) == "Sync completed with errors. Resources: 4, Errors: 1, Warnings: 0"
    assert "dev · pods: forbidden: " in result.stdout
    assert "grant" in result.stdout


def test_one_bad_context_among_three_stops_no_other(
    run: CommandLine, simulator: Simulator, inventory: Inventory
) -> None:
    simulator["dev"].add_user(User(name="second"))
    simulator.kubeconfig(run.kubeconfig)
    spoil(run.kubeconfig, "prod")
    result = run.sync("--resource", "namespaces", "--resource", "pods", "--resource", "nodes")

    assert result.exit_code == 1
    assert "Resources: 8, Errors: 3," in last_line(result.stdout)
    assert result.stdout.count("the token or certificate is wrong or has expired") == 1
    assert "prod · namespaces, pods, nodes: unauthorized: " in result.stdout
    assert [request.code for request in simulator["prod"].requests] == [401]
    statuses = {(row["context_name"], row["status"]) for row in inventory.ledger()}
    assert statuses == {("dev", "success"), ("dev-second", "success"), ("prod", "unauthorized")}


def test_warnings_are_printed_and_are_no_error(run: CommandLine, dev: Cluster) -> None:
    dev.seed("deployments", [named("odd", "shop") | {"spec": 1}])
    result = run.sync("--context", "dev", "--resource", "deployments")

    assert result.exit_code == 0
    assert "dev · deployments: warning: shop/odd has a spec that cannot be read" in result.stdout
    assert "Resources: 1, Errors: 0, Warnings: " in last_line(result.stdout)


def test_names_that_look_like_markup_are_printed_as_they_are(run: CommandLine, simulator: Simulator) -> None:
    document = simulator.kubeconfig_document()
    document["contexts"][0]["name"] = "[red]dev[/red]"
    run.kubeconfig.write_text(yaml.safe_dump(document))
    result = run.sync("--resource", "pods")

    assert result.exit_code == 0
    assert "[red]dev[/red]" in result.stdout


def test_json_is_a_line_per_scope_and_the_summary_goes_to_stderr(
    run: CommandLine, dev: Cluster, inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    result = run.sync("--json", "--context", "dev", "--resource", "pods", "--resource", "nodes")
    reports = [json.loads(line) for line in result.stdout.splitlines()]

    assert [(report["resource"], report["seen"], report["status"]) for report in reports] == [
        ("pods", 3, "success"),
        ("nodes", 0, "success"),
    ]
    assert set(reports[0]) == (set(inventory.last()) - {"id"}) | {"seconds"}
    assert isinstance(reports[0]["seconds"], float)
    assert untimed(last_line(result.stderr)) == "Sync completed successfully. Resources: 3, Errors: 0, Warnings: 0"


def test_json_of_a_failure_has_its_reason(run: CommandLine) -> None:
    spoil(run.kubeconfig, "dev")
    result = run.sync("--json", "--context", "dev", "--resource", "pods")
    report = json.loads(result.stdout)

    assert result.exit_code == 1
    assert (report["status"], report["cluster_uid"]) == ("unauthorized", None)
    assert "the token or certificate" in report["reason"]


def test_a_second_run_changes_nothing(run: CommandLine, dev: Cluster, inventory: Inventory) -> None:
    dev.seed("pods", pods(5))
    run.sync()
    before = inventory.versions()
    result = run.sync("--json")

    assert result.exit_code == 0
    assert {(r["inserted"], r["updated"], r["deleted"]) for r in map(json.loads, result.stdout.splitlines())} == {
        (0, 0, 0)
    }
    assert inventory.versions() == before


def test_the_options_reach_the_sync(run: CommandLine, dev: Cluster, inventory: Inventory) -> None:
    dev.seed("pods", [pod("a", "shop"), pod("b", "shop"), pod("c", "idle")])
    which = ("--context", "dev", "--resource", "pods", "--namespace", "shop")
    run.sync(*which, "--no-object")
    dev.delete("pods", "a", "shop")
    run.sync(*which, "--no-object", "--on-delete", "mark", "--mode", "full")

    rows = inventory.rows("k8s_pods")
    assert [(row["name"], row["object"], row["deleted_at"] is None) for row in rows] == [
        ("a", None, False),
        ("b", None, True),
    ]
    assert [row["namespaces"] for row in inventory.ledger()] == [["shop"], ["shop"]]


def test_a_mass_delete_must_be_allowed(run: CommandLine, dev: Cluster, inventory: Inventory) -> None:
    which = ("--context", "dev", "--resource", "widgets.example.com")
    dev.create("crd", widget_definition())
    dev.seed("widgets.example.com", [named(f"w-{number}", "default") for number in range(101)])
    run.sync(*which)
    for number in range(101):
        dev.delete("widgets.example.com", f"w-{number}", "default")
    options = ((), ("--max-deletes", "100"), ("--max-deletes", "101"))
    refused, too_many, allowed = (run.sync(*which, *more) for more in options)

    assert (refused.exit_code, too_many.exit_code, allowed.exit_code) == (1, 1, 0)
    assert "--allow-mass-delete" in refused.stdout
    assert "--max-deletes" in too_many.stdout
    assert inventory.count("k8s_custom_resources") == 0


def test_another_cluster_must_be_accepted(run: CommandLine) -> None:
    which = ("--context", "dev", "--resource", "namespaces")
    run.sync(*which)
    document = yaml.safe_load(run.kubeconfig.read_text())
    prod = next(each for each in document["contexts"] if each["name"] == "prod")
    document["contexts"] = [{"name": "dev", "context": prod["context"]}]
    run.kubeconfig.write_text(yaml.safe_dump(document))
    refused, examined, accepted = run.sync(*which), run.doctor(*which), run.sync(*which, "--accept-new-cluster")

    assert (refused.exit_code, examined.exit_code, accepted.exit_code) == (1, 1, 0)
    for said in (refused, examined):
        assert "points at another cluster than before" in " ".join(said.stdout.split())
    assert run.doctor(*which).exit_code == 0


def test_an_empty_database_is_migrated_first(run: CommandLine, empty_database: str, dev: Cluster) -> None:
    run.dsn = empty_database

    assert run.sync().exit_code == 0
    with Inventory(empty_database) as inventory:
        assert inventory.count("k8s_namespaces") == 8


def test_another_schema_is_filled_and_public_is_not(run: CommandLine, empty_database: str) -> None:
    run.dsn = empty_database
    with Inventory(empty_database, "in ventory") as inventory:
        missing = run.sync("--schema", "in ventory")
        inventory.query('CREATE SCHEMA "in ventory"')
        made = run.sync("--schema", "in ventory")
        tables = inventory.query("SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace")

        assert (missing.exit_code, made.exit_code) == (1, 0)
        assert 'schema in ventory does not exist: create it (CREATE SCHEMA "in ventory")' in missing.stderr
        assert inventory.count("k8s_namespaces") == 8
        assert tables == []


def test_tables_of_another_system_are_destroyed_only_when_that_is_asked_for(
    run: CommandLine, empty_database: str
) -> None:
    run.dsn = empty_database
    with Inventory(empty_database) as inventory:
        inventory.query("CREATE TABLE k8s_pods (id int PRIMARY KEY)")
        refused, forced = run.sync("--context", "dev"), run.sync("--context", "dev", "--migrate", "forced")

    assert (refused.exit_code, forced.exit_code) == (1, 0)
    assert "would run:" in refused.stderr
    assert "Traceback" not in refused.output


@pytest.mark.alters_database
def test_a_newer_schema_is_left_alone(run: CommandLine, migrated_database: str) -> None:
    run.dsn = migrated_database
    with Inventory(migrated_database) as inventory:
        inventory.query("INSERT INTO k8s_migrations (name, version, statements) VALUES ('0099_future', '9.9.9', '{}')")
        result = run.sync()

        assert result.exit_code == 1
        assert "upgrade airflow-provider-k8s-inventory" in result.stderr
        assert inventory.ledger() == []


def test_a_cluster_that_is_slow_to_be_ready_is_no_matter_of_the_log(run: CommandLine, dev: Cluster) -> None:
    dev.inject(Fault(path="/pods$", status=503))
    result = run.sync("--context", "dev", "--resource", "pods")

    assert result.exit_code == 0
    assert result.stderr == ""


@pytest.mark.parametrize(
    "program",
    [
        (sys.executable, "-m", "airflow_provider_k8s_inventory"),
        (str(Path(sys.executable).parent / "k8s-inventory"),),
    ],
    ids=["python -m", "k8s-inventory"],
)
def test_it_is_a_program(program: tuple[str, ...], run: CommandLine, dev: Cluster) -> None:
    dev.seed("pods", pods(3))
    environment = os.environ | {"KUBECONFIG": str(run.kubeconfig), "DATABASE_URL": run.dsn}
    done = subprocess.run(
        [*program, "sync", "--context", "dev", "--resource", "pods"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert untimed(last_line(done.stdout)) == "Sync completed successfully. Resources: 3, Errors: 0, Warnings: 0"
    assert all(len(line) <= 120 for line in done.stdout.splitlines())


def test_it_imports_neither_airflow_nor_the_official_client(run: CommandLine) -> None:
    code = (
        "import atexit, sys; from airflow_provider_k8s_inventory.cli import main;"
        "atexit.register(lambda: print({'airflow', 'kubernetes', 'aiohttp'} & set(sys.modules)));"
        "main(['sync'])"
    )
    environment = os.environ | {"KUBECONFIG": str(run.kubeconfig), "DATABASE_URL": run.dsn}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert last_line(done.stdout) == "set()"
