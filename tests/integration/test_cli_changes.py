"""`k8s-inventory changes` and `k8s-inventory show`: what changed between real syncs, and what it was before."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from k8s_inventory_demo.simulator import Cluster, Rule, User

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import named, node, pod
from tests.kit.written import Written, minute

DEPLOYMENT: dict[str, Any] = named("web", "shop", uid="d1", labels={"app": "web"}) | {
    "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "main", "image": "web:1"}]}}},
}


def changes(run: CommandLine, *arguments: str, **environment: str) -> tuple[int, str]:
    result = run("changes", *arguments, DATABASE_URL=run.dsn, **environment)
    assert result.stderr == ""
    return result.exit_code, result.stdout


def show(run: CommandLine, *arguments: str) -> str:
    result = run("show", *arguments, DATABASE_URL=run.dsn)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def changed(image: str, replicas: int) -> dict[str, Any]:
    """The deployment with another image and other replicas."""
    document: dict[str, Any] = json.loads(json.dumps(DEPLOYMENT))
    document["spec"]["replicas"] = replicas
    document["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return document


@pytest.fixture
def synced_run(run: CommandLine, dev: Cluster, inventory: Inventory) -> CommandLine:
    """Two syncs of deployments and pods, with changes between them."""
    arguments = ("--context", "dev", "--resource", "pods", "--resource", "deployments")
    dev.seed("deployments", [DEPLOYMENT])
    dev.seed("pods", [pod("web-a", "shop", uid="p1"), pod("web-b", "shop", uid="p2")])
    run.sync(*arguments)
    dev.replace("deployments", changed("web:2", 5))
    dev.delete("pods", "web-a", "shop")
    dev.seed("pods", [pod("web-c", "shop", uid="p3")])
    assert run.sync(*arguments).exit_code == 0
    # A second may end between the scopes of one sync, and what is printed would be told apart.
    inventory.query("UPDATE k8s_scopes SET history_since = (SELECT max(history_since) FROM k8s_scopes)")
    inventory.query(
        "UPDATE k8s_history SET at = (SELECT max(at) FROM k8s_history),"
        " before_at = (SELECT min(before_at) FROM k8s_history)"
    )
    return run


def lines(output: str) -> list[str]:
    """What is printed of changes, each with single blanks and without times."""
    found = (" ".join(line.split()) for line in output.splitlines())
    return [re.sub(r"\d\d:\d\d:\d\d", "T", line) for line in found]


def test_what_changed_is_told_by_day_cluster_and_interval(synced_run: CommandLine) -> None:
    code, output = changes(synced_run)

    assert code == 0
    day, head, *told, _, summary = lines(output)
    assert day == f"{datetime.now(UTC):%A, %d %B %Y} (UTC)"
    assert head == "T to T dev"
    assert sorted(told) == [
        "created pods shop/web-c registry.example.com/app:1",
        "deleted pods shop/web-a",
        "updated deployments shop/web 0 of 3 ready → 0 of 5 ready, images web:1 → web:2, replicas 3 → 5",
    ]
    assert summary.startswith("Changes: 3, Clusters: 1, since ")
    # One below the other, whatever is in the columns before.
    assert len({line.index(word) for line in output.splitlines() for word in ("shop/",) if word in line}) == 1


def test_what_is_not_known_is_told(synced_run: CommandLine, dev: Cluster, inventory: Inventory) -> None:
    assert re.search(
        r"^dev · deployments, pods: changes are known since .* only$", changes(synced_run)[1], re.MULTILINE
    )
    inventory.query("UPDATE k8s_scopes SET history_since = now() - interval '2 days'")
    assert "known" not in changes(synced_run)[1]
    dev.add_user(User(name="admin", groups=(), denied=(Rule(resources=("pods",)),)))
    synced_run.sync("--context", "dev", "--resource", "pods")
    output = changes(synced_run)[1]
    assert re.search(r"^dev · pods: not known since .*: forbidden: .*grant", output, re.MULTILINE)
    inventory.query("UPDATE k8s_scopes SET history_since = NULL")
    assert "deployments, pods: no history is kept\n" in changes(synced_run)[1]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--resource", "po"), {"web-a", "web-c"}),
        (("--resource", "!po"), {"web"}),
        (("--resource", "workloads"), {"web-a", "web-c", "web"}),
        (("--resource", "Deployment.apps", "--resource", "po"), {"web-a", "web-c", "web"}),
        (("--name", "web"), {"web"}),
        (("--name", "web-?"), {"web-a", "web-c"}),
        (("--name", "web-[!a-b]"), {"web-c"}),
        (("--name", "we[b]"), {"web"}),
        (("--namespace", "*"), {"web-a", "web-c", "web"}),
        (("--namespace", "!other"), {"web-a", "web-c", "web"}),
        (("--name", "*-a", "--name", "web"), {"web-a", "web"}),
        (("--name", "web%"), set()),
        (("-n", "shop"), {"web-a", "web-c", "web"}),
        (("-n", "sh*", "-n", "!shop"), set()),
        (("-n", "default"), set()),
        (("--context", "d*"), {"web-a", "web-c", "web"}),
        (("--since", "1h", "--until", "30m"), set()),
        (("--since", "2020-01-01", "--until", "0s"), {"web-a", "web-c", "web"}),
    ],
)
def test_some_changes(arguments: tuple[str, ...], names: set[str], synced_run: CommandLine) -> None:
    result = synced_run("changes", "--json", *arguments, DATABASE_URL=synced_run.dsn)

    assert result.exit_code == 0, result.stderr
    assert {json.loads(line)["name"] for line in result.stdout.splitlines()} == names


def test_json_is_a_line_per_change_and_the_rest_goes_to_stderr(synced_run: CommandLine) -> None:
    result = synced_run("changes", "--json", "--limit", "2", DATABASE_URL=synced_run.dsn)
    found: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]

    assert len(found) == 2
    assert found[0]["id"] < found[1]["id"]
    assert set(found[0]) == {
        "id", "after", "not_later_than", "context_name", "resource", "namespace", "name", "change", "summary",
        "changed_by", "uid",
    }  # fmt: skip
    assert "These are the newest 2 of more" in result.stderr
    assert "Changes: 2, Clusters: 1, since " in result.stderr


@pytest.mark.parametrize("arguments", [("--context", "staging"), ("--resource", "nodes")])
def test_what_was_never_synced_is_named(arguments: tuple[str, str], synced_run: CommandLine) -> None:
    code, output = changes(synced_run, *arguments)

    assert code == 1
    assert f"{arguments[0][2:]} {arguments[1]}: never synced\nChanges: 0, " in output


@pytest.mark.parametrize("time", ["", "2", "yesterday", "2026-13-01", "25:00", "9" * 30 + "d", "2999-01-01"])
def test_a_time_that_is_none_is_wrong_usage(time: str, run: CommandLine) -> None:
    for command in (("changes", "--since", time), ("show", "dev", "pods", "web", "--at", time)):
        result = run(*command, DATABASE_URL=run.dsn)
        assert result.exit_code == 2
        assert "is no time; write 2h" in result.stderr or "is in the future" in result.stderr


def test_colours_are_for_terminals_that_want_them(synced_run: CommandLine) -> None:
    assert "\x1b" not in changes(synced_run)[1]
    assert "\x1b[31mdeleted" in changes(synced_run, FORCE_COLOR="1", COLUMNS="150")[1]
    assert "\x1b[31m" not in changes(synced_run, FORCE_COLOR="1", NO_COLOR="1", COLUMNS="150")[1]


@pytest.mark.parametrize("command", [("changes",), ("show", "dev", "pods", "web")])
def test_a_database_without_tables_says_what_to_do(
    command: tuple[str, ...], run: CommandLine, empty_database: str
) -> None:
    result = run(*command, "--dsn", empty_database)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "k8s-inventory sync" in result.stderr


def before_the_change(inventory: Inventory) -> str:
    """A time between the two syncs."""
    times: list[datetime] = [row["history_since"] for row in inventory.query("SELECT history_since FROM k8s_scopes")]
    return max(times).isoformat()


def test_an_object_is_shown_as_it_is_and_as_it_was(synced_run: CommandLine, inventory: Inventory) -> None:
    now = yaml.safe_load(show(synced_run, "dev", "deploy", "web", "-n", "shop"))
    was = yaml.safe_load(show(synced_run, "dev", "Deployment", "web", "--at", before_the_change(inventory)))

    assert (now["spec"]["replicas"], was["spec"]["replicas"]) == (5, 3)
    assert (now["kind"], now["metadata"]["uid"]) == ("Deployment", "d1")
    assert was["spec"]["template"]["spec"]["containers"] == [{"name": "main", "image": "web:1"}]


def test_an_object_that_is_gone_is_shown_as_it_was(synced_run: CommandLine, inventory: Inventory) -> None:
    result = synced_run("show", "dev", "po", "web-a", DATABASE_URL=synced_run.dsn)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.search(
        r"pods shop/web-a of context dev was not there now: it is gone since .* at the latest", result.stderr
    )
    was = yaml.safe_load(show(synced_run, "dev", "po", "web-a", "--at", before_the_change(inventory)))
    assert was["metadata"]["uid"] == "p1"


def test_the_difference_is_that_of_the_yaml(synced_run: CommandLine, inventory: Inventory) -> None:
    time = before_the_change(inventory)
    output = show(synced_run, "dev", "deploy", "web", "--diff", time)

    first, second, *rest = output.splitlines()
    assert first.startswith("--- deployments shop/web of context dev at ")
    assert second == "+++ deployments shop/web of context dev now"
    marked = {line.replace("    ", "") for line in rest if line.startswith(("+", "-"))}
    assert {"-  replicas: 3", "+  replicas: 5"} <= marked
    assert any("image: web:2" in line for line in marked)
    assert "+metadata:" in {
        line.strip() for line in show(synced_run, "dev", "po", "web-c", "--diff", time).splitlines()
    }
    result = synced_run("show", "dev", "po", "web-b", "--diff", time, DATABASE_URL=synced_run.dsn)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "did not change between " in result.stderr


def test_of_objects_that_are_not_stored_the_columns_are_shown(run: CommandLine, inventory: Inventory) -> None:
    written = Written(inventory).scope()
    written.put("u1", 0, name="web", phase="Pending")
    written.put("u1", 2, name="web", phase="Running")
    result = run("show", "dev", "pods", "web", "--at", minute(1).isoformat(), DATABASE_URL=run.dsn)
    assert yaml.safe_load(result.stdout)["phase"] == "Pending"
    assert "not stored" in result.stderr
    result = run("show", "dev", "pods", "web", "--diff", minute(1).isoformat(), DATABASE_URL=run.dsn)
    assert {"-phase: Pending", "+phase: Running"} <= set(result.stdout.splitlines())


def test_a_name_that_was_there_before_is_shown_as_what_it_was_then(run: CommandLine, inventory: Inventory) -> None:
    written = Written(inventory).scope()
    written.put("u1", 0, {"a": "first\nof two"}, name="web")
    written.remove("u1", 2)
    written.put("u2", 4, {"a": "second"}, name="web")
    assert show(run, "dev", "po", "web") == "a: second\n"
    assert show(run, "dev", "po", "web", "--at", minute(1).isoformat()) == "a: |-\n  first\n  of two\n"
    result = run("show", "dev", "po", "web", "--at", minute(3).isoformat(), DATABASE_URL=run.dsn)
    assert "was not there at 2026-01-05 08:03:00+00:00" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("staging", "pods", "web"), 2, "context staging was never synced"),
        (("dev", "nodes", "web"), 2, "'nodes' means none of deployments, pods of context dev"),
        (("dev", "*", "web"), 2, "'*' means several: deployments, pods of context dev"),
        (("dev", "pods", "nobody"), 1, "no pods nobody is known, now or before"),
        (("dev", "pods", "web-b", "-n", "default"), 1, "no pods web-b is known in namespace default"),
        (("dev", "pods", "web-b", "--at", "2020-01-01"), 1, "how pods of context dev were is known since "),
    ],
)
def test_what_cannot_be_shown_is_said(
    arguments: tuple[str, ...], code: int, said: str, synced_run: CommandLine
) -> None:
    result = synced_run("show", *arguments, DATABASE_URL=synced_run.dsn)

    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr


def test_one_of_several_namespaces_is_to_be_named(run: CommandLine, inventory: Inventory) -> None:
    written = Written(inventory).scope()
    for uid, namespace in (("u1", "a"), ("u2", "b")):
        written.put(uid, 0, {"uid": uid}, name="web", namespace=namespace)
    result = run("show", "dev", "pods", "web", DATABASE_URL=run.dsn)
    assert result.exit_code == 2
    assert "several namespaces have pods web: name one of a, b by -n" in result.stderr
    assert show(run, "dev", "pods", "web", "-n", "b") == "uid: u2\n"


def test_a_change_of_which_nobody_knows_after_when_it_came_is_told_until_any_time(
    synced_run: CommandLine, inventory: Inventory
) -> None:
    inventory.query("UPDATE k8s_history SET before_at = NULL")
    assert changes(synced_run, "--until", "0s")[1].splitlines()[-1].startswith("Changes: 3, ")


def test_what_is_outside_of_namespaces_is_left_out_by_their_names_and_not_by_exclusions(
    synced_run: CommandLine, dev: Cluster
) -> None:
    dev.seed("nodes", [node("node-1")])
    synced_run.sync("--context", "dev", "--resource", "nodes")
    dev.delete("nodes", "node-1")
    synced_run.sync("--context", "dev", "--resource", "nodes")
    gone = "deleted nodes node-1"
    assert gone in lines(changes(synced_run, "--namespace", "!shop")[1])
    assert gone not in lines(changes(synced_run, "--namespace", "shop")[1])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("changes", "--since", "1h", "--until", "2h"), "nothing is between them"),
        (("changes", "--since", "3000000d"), "longer ago than anything is known of"),
        (("changes", "--limit", "99999999999999999999"), "not in the range"),
        (("changes", "--name", "[/]"), "no name can match"),
        (("show", "dev", "pods", "web-b", "--at", "3000000d"), "longer ago than anything is known of"),
        (("prune", "--keep-history", "999999999"), "not in the range"),
        (("prune", "--keep-syncs", "99999999999"), "not in the range"),
        (("sync", "--keep-events", "99999999999"), "not in the range"),
    ],
)
def test_numbers_that_cannot_be_are_wrong_usage(
    command: tuple[str, ...], message: str, synced_run: CommandLine
) -> None:
    result = synced_run(*command, DATABASE_URL=synced_run.dsn)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
