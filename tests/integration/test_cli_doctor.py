"""`k8s-inventory doctor`: what it prints, and status 1 when something would fail."""

from __future__ import annotations

from k8s_inventory_demo.simulator import Cluster, Rule, Simulator, User

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import widget_definition


def line(output: str, *words: str) -> str:
    """The line that has all of these words."""
    (found,) = [line for line in output.splitlines() if all(word in line for word in words)]
    return found


def test_when_all_is_well_it_says_so(run: CommandLine, dev: Cluster) -> None:
    result = run.doctor("--context", "dev")

    assert result.exit_code == 0
    assert result.stdout.rstrip().splitlines()[-1] == "13 checks, all good."
    assert "✓" in line(result.stdout, "database", "migrated", "PostgreSQL")
    assert "✓" in line(result.stdout, "dev", "reachable", "v1.36.3")
    assert "✓" in line(result.stdout, "dev", "who am I", "admin")


def test_nothing_is_changed(run: CommandLine, empty_database: str, dev: Cluster) -> None:
    run.dsn = empty_database
    result = run.doctor()

    assert result.exit_code == 1
    with Inventory(empty_database) as inventory:
        assert inventory.query("SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
    assert {request.verb for request in dev.requests} <= {"get", "create"}


def test_a_missing_right_would_fail(run: CommandLine, dev: Cluster) -> None:
    dev.add_user(User(name="admin", groups=(), denied=(Rule(resources=("pods",)),)))
    result = run.doctor("--context", "dev", "--resource", "pods", "--resource", "nodes")

    assert result.exit_code == 1
    assert result.stdout.rstrip().splitlines()[-1] == "9 checks, 1 would fail."
    assert "grant list and watch on pods" in line(result.stdout, "✗", "may list pods")
    assert run.sync("--context", "dev", "--resource", "pods", "--resource", "nodes").exit_code == 1


def test_a_database_that_cannot_be_reached_would_fail_and_the_clusters_are_examined(run: CommandLine) -> None:
    run.dsn = "postgresql://u:hunter2secret@127.0.0.1:1/inventory"
    result = run.doctor("--context", "dev", "--resource", "pods")

    assert result.exit_code == 1
    assert "✗" in line(result.stdout, "database", "reachable")
    assert "✓" in line(result.stdout, "dev", "may list pods")
    assert "hunter2secret" not in result.output


def test_a_schema_that_does_not_exist_would_fail(run: CommandLine) -> None:
    result = run.doctor("--context", "dev", "--resource", "pods", "--schema", "nowhere")

    assert result.exit_code == 1
    assert "✗" in line(result.stdout, "database", "migrated")


def test_without_a_database_the_clusters_are_examined_and_it_says_so(run: CommandLine) -> None:
    result = run("doctor", "--kubeconfig", run.kubeconfig, "--context", "dev", "--resource", "pods")

    assert result.exit_code == 0
    assert "!" in line(result.stdout, "database", "not checked: give --dsn")
    assert "✓" in line(result.stdout, "may list pods")
    assert result.stdout.rstrip().splitlines()[-1] == "5 checks, 1 would do with less."


def test_a_name_that_no_context_serves_would_fail(run: CommandLine) -> None:
    result = run.doctor("--resource", "podz")

    assert result.exit_code == 1
    assert "did you mean pods" in line(result.stdout, "✗", " dev ", "may list podz")


def test_what_has_gone_everywhere_does_not(run: CommandLine, dev: Cluster) -> None:
    dev.create("crd", widget_definition())
    run.sync("--resource", "widgets.example.com")
    dev.delete("crd", "widgets.example.com")
    result = run.doctor("--resource", "widgets.example.com")

    assert result.exit_code == 0
    assert "will be absent" in line(result.stdout, "!", " dev ", "widgets.example.com")


def test_rights_are_asked_for_in_namespaces(run: CommandLine, dev: Cluster) -> None:
    dev.add_user(User(name="admin", groups=(), denied=(Rule(resources=("pods",), namespaces=("kube-system",)),)))
    which = ("--context", "dev", "--resource", "pods", "--namespace")

    assert run.doctor(*which, "default").exit_code == 0
    assert run.doctor(*which, "kube-system").exit_code == 1
    assert run.doctor(*which, "a/b").exit_code == 2


def test_a_connection_or_a_kubeconfig(run: CommandLine) -> None:
    result = run.doctor("--conn-id", "k8s_inventory_default")

    assert result.exit_code == 2
    assert "give --conn-id or --kubeconfig, not both" in result.stderr


def test_contexts_are_examined_in_their_order(run: CommandLine, simulator: Simulator) -> None:
    simulator["dev"].add_user(User(name="second"))
    simulator.kubeconfig(run.kubeconfig)
    output = run.doctor("--resource", "pods").stdout
    places = [output.index(line(output, f" {context} ", "reachable")) for context in ("dev", "dev-second", "prod")]

    assert places == sorted(places)
