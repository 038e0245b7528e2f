"""`k8s-inventory status`: how fresh the scopes are, from the shell, and status 1 when one is not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Rule, User

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory


def status(run: CommandLine, *arguments: str, **environment: str) -> tuple[int, str]:
    result = run("status", *arguments, DATABASE_URL=run.dsn, **environment)
    assert result.stderr == ""
    return result.exit_code, result.stdout


def lines(output: str) -> Mapping[str, list[str]]:
    """The words of each cluster's line."""
    return {words[0]: words[1:] for line in output.splitlines() if (words := line.split()) and line.startswith(" ")}


def age(inventory: Inventory, interval: str, context: str) -> None:
    """Let the syncs of a context be of long ago."""
    inventory.query(
        f"UPDATE k8s_scopes SET last_success_at = last_success_at - interval '{interval}', "
        f"last_finished_at = last_finished_at - interval '{interval}' WHERE context_name = '{context}'"
    )


@pytest.fixture
def synced_run(run: CommandLine, inventory: Inventory) -> CommandLine:
    """Both clusters, with two resources each."""
    run.sync("--resource", "pods", "--resource", "nodes")
    return run


def forbid_pods(cluster: Cluster) -> None:
    cluster.add_user(User(name="admin", groups=(), denied=(Rule(resources=("pods",)),)))


def test_what_is_fresh_is_a_line_per_cluster_and_status_0(synced_run: CommandLine) -> None:
    code, output = status(synced_run)

    assert code == 0
    found = lines(output)
    assert [(name, found[name][:2], found[name][-1]) for name in ("dev", "prod")] == [
        ("dev", ["2", "2"], "fresh"),
        ("prod", ["2", "2"], "fresh"),
    ]
    assert output.splitlines()[-1] == "Scopes: 4, Clusters: 2, Fresh: 4, Not fresh: 0"


def test_what_is_stale_says_how_old_it_is(synced_run: CommandLine, inventory: Inventory) -> None:
    age(inventory, "3 hours 12 minutes 30 seconds", "prod")
    code, output = status(synced_run)

    assert code == 1
    assert lines(output)["prod"] == ["2", "0", "3", "h", "12", "min", "stale"]
    assert "prod · nodes, pods: stale, last good 3 h 12 min ago" in output
    assert output.splitlines()[-1] == "Scopes: 4, Clusters: 2, Fresh: 2, Not fresh: 2"


@pytest.mark.parametrize(("stale", "code"), [("4h", 0), ("1d", 0), ("3h", 1), ("190m", 1), ("1h59m60s", 1)])
def test_how_old_is_too_old_is_the_callers_choice(
    stale: str, code: int, synced_run: CommandLine, inventory: Inventory
) -> None:
    age(inventory, "3 hours 12 minutes", "prod")

    assert status(synced_run, "--stale", stale)[0] == code


def test_what_fails_says_why_even_while_its_last_success_is_young(synced_run: CommandLine, dev: Cluster) -> None:
    forbid_pods(dev)
    synced_run.sync("--resource", "pods")
    code, output = status(synced_run)

    assert code == 1
    assert lines(output)["dev"][-2:] == ["fresh,", "failing"]
    assert re.search(r"^dev · pods: failing, last good \d+ s ago: forbidden: .*grant", output, re.MULTILINE)


def test_what_never_succeeded_is_not_fresh(run: CommandLine, dev: Cluster, inventory: Inventory) -> None:
    forbid_pods(dev)
    run.sync("--context", "dev", "--resource", "pods")
    code, output = status(run)

    assert code == 1
    assert lines(output)["dev"][-1] == "never"
    assert "dev · pods: never, no sync succeeded: forbidden: " in output


def test_one_cause_is_said_once(run: CommandLine, dev: Cluster, inventory: Inventory) -> None:
    dev.add_user(User(name="admin", token="other"))
    run.sync("--context", "dev")
    _, output = status(run)

    assert output.count("unauthorized") == 1
    assert "dev · clusters, crds, deployments, namespaces, pods, services: never" in output


def test_where_nothing_was_synced_nothing_is_fresh(run: CommandLine, inventory: Inventory) -> None:
    code, output = status(run)

    assert (code, output.splitlines()[0]) == (1, "No scope was ever synced.")


@pytest.mark.parametrize(
    ("arguments", "code", "summary"),
    [
        (("--context", "dev"), 0, "Scopes: 2, Clusters: 1,"),
        (("--context", "d*"), 0, "Scopes: 2, Clusters: 1,"),
        (("--exclude", "p*"), 0, "Scopes: 2, Clusters: 1,"),
        (("--resource", "po"), 1, "Scopes: 2, Clusters: 2,"),
        (("--resource", "Pod", "--context", "prod"), 1, "Scopes: 1, Clusters: 1, Fresh: 0,"),
        (("--resource", "no*", "--context", "dev"), 0, "Scopes: 1, Clusters: 1,"),
        (("--context", "dev", "--context", "staging"), 1, "context staging: never synced\nScopes: 2,"),
        (("--context", "dev", "--resource", "crds"), 1, "resource crds: never synced\nScopes: 0,"),
    ],
)
def test_some_contexts_and_resources(
    arguments: tuple[str, ...], code: int, summary: str, synced_run: CommandLine, inventory: Inventory
) -> None:
    age(inventory, "1 day", "prod")
    found, output = status(synced_run, *arguments)

    assert found == code
    assert summary in output


def test_the_environment_chooses_as_it_does_for_a_sync(synced_run: CommandLine, inventory: Inventory) -> None:
    age(inventory, "1 day", "prod")

    assert status(synced_run, K8S_CONTEXTS="dev")[0] == 0


def test_namespaces_are_scopes_of_their_own(run: CommandLine, inventory: Inventory) -> None:
    run.sync("--context", "dev", "--resource", "pods", "--namespace", "default")
    age(inventory, "1 day", "dev")

    assert "dev · pods (default): stale" in status(run)[1]


def test_json_is_a_line_per_scope_and_the_summary_goes_to_stderr(synced_run: CommandLine, inventory: Inventory) -> None:
    age(inventory, "1 day", "prod")
    result = synced_run("status", "--json", DATABASE_URL=synced_run.dsn)
    scopes: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]

    assert result.exit_code == 1
    assert [(scope["context_name"], scope["resource"], scope["state"]) for scope in scopes] == [
        ("dev", "nodes", "fresh"),
        ("dev", "pods", "fresh"),
        ("prod", "nodes", "stale"),
        ("prod", "pods", "stale"),
    ]
    assert scopes[2]["age_seconds"] > 86400
    assert set(scopes[0]) == {
        "context_name", "resource", "namespaces", "last_success_at", "age_seconds", "last_status", "last_reason",
        "label_selector", "field_selector", "last_finished_at", "state",
    }  # fmt: skip
    assert result.stderr == "Scopes: 4, Clusters: 2, Fresh: 2, Not fresh: 2\n"


@pytest.mark.parametrize("stale", ["", "2", "2 hours", "-1h", "h", "1h30", "9" * 30 + "d"])
def test_a_span_of_time_that_is_none_is_wrong_usage(stale: str, run: CommandLine) -> None:
    result = run("status", "--stale", stale, DATABASE_URL=run.dsn)

    assert result.exit_code == 2
    assert "--stale" in result.stderr


def test_a_database_without_tables_says_what_to_do(run: CommandLine, empty_database: str) -> None:
    result = run("status", "--dsn", empty_database)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "k8s-inventory sync" in result.stderr


def test_one_cause_is_said_once_though_scopes_tell_when_it_was_found(
    run: CommandLine, dev: Cluster, inventory: Inventory
) -> None:
    run.sync("--context", "dev", "--resource", "pods", "--resource", "nodes")
    inventory.query(
        "UPDATE k8s_scopes SET last_success_at = NULL, last_status = 'unreachable', last_reason = "
        "'context dev is down' || CASE resource WHEN 'pods' THEN '' ELSE ' (as 20 s ago: dev · pods)' END"
    )

    assert "dev · nodes, pods: never, no sync succeeded: unreachable: context dev is down\n" in status(run)[1]
