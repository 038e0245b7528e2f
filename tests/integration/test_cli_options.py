"""Where the command line takes its values from, and what it says when they cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from k8s_inventory_demo.simulator import Simulator, User

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory

SECRET = "hunter2secret"


def synced_scopes(inventory: Inventory) -> set[tuple[str, str]]:
    return {(row["context_name"], row["resource"]) for row in inventory.ledger()}


def config(path: Path, **spec: object) -> Path:
    """A file of the replaced system."""
    path.write_text(yaml.safe_dump({"kind": "source", "spec": {"name": "k8s-custom", "spec": spec}}))
    return path


SIX = ("clusters", "namespaces", "pods", "deployments", "services", "crds")


def test_by_default_all_contexts_and_the_six_resources(run: CommandLine, inventory: Inventory) -> None:
    assert run.sync().exit_code == 0
    assert synced_scopes(inventory) == {(context, name) for context in ("dev", "prod") for name in SIX}


def test_contexts_are_names_or_globs(run: CommandLine, simulator: Simulator, inventory: Inventory) -> None:
    simulator["dev"].add_user(User(name="second"))
    simulator.kubeconfig(run.kubeconfig)
    run.sync("--context", "dev*", "--resource", "pods")
    run.sync("--context", "prod", "--context", "dev", "--resource", "nodes")
    run.sync("--exclude", "dev*", "--resource", "services")

    assert synced_scopes(inventory) == {
        ("dev", "pods"),
        ("dev-second", "pods"),
        ("dev", "nodes"),
        ("prod", "nodes"),
        ("prod", "services"),
    }


def test_a_resource_is_synced_once_whatever_its_names(run: CommandLine, inventory: Inventory) -> None:
    run.sync("--context", "dev", "--resource", "po", "--resource", "pods", "--resource", "Pod")

    assert [row["resource"] for row in inventory.ledger()] == ["pods"]


def test_the_environment_gives_what_the_command_line_leaves_out(run: CommandLine, inventory: Inventory) -> None:
    result = run(
        "sync", KUBECONFIG=run.kubeconfig, DATABASE_URL=run.dsn, K8S_CONTEXTS="prod, ", K8S_RESOURCES="pods , nodes"
    )

    assert result.exit_code == 0
    assert synced_scopes(inventory) == {("prod", "pods"), ("prod", "nodes")}


def test_groups_and_exclusions_are_taken_from_everywhere(
    run: CommandLine, inventory: Inventory, tmp_path: Path
) -> None:
    roles = {("dev", name) for name in ("roles", "rolebindings")}
    names = ["rbac", "!clusterrole*", "!sa"]
    assert run.sync("--context", "dev", *(word for name in names for word in ("--resource", name))).exit_code == 0
    assert synced_scopes(inventory) == roles
    assert run.sync("--context", "prod", K8S_RESOURCES="rbac, !role*,!cluster*").exit_code == 0
    assert synced_scopes(inventory) == {*roles, ("prod", "serviceaccounts")}
    path = config(tmp_path / "sync.yml", contexts=["prod"], resources=["storage", "!*s"])
    result = run.sync("--config", path)
    assert result.exit_code == 1
    assert "no context serves anything that matches storage but what is left out, and none ever did" in result.output


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("rbac",), "Scopes: 2, Clusters: 1, Fresh: 2"),
        (("rbac", "!rolebinding"), "Scopes: 1, Clusters: 1, Fresh: 1"),
        (("!roles",), "Scopes: 3, Clusters: 1, Fresh: 3"),
        (("!rbac", "!po"), "Scopes: 1, Clusters: 1, Fresh: 1"),
        (("rbac", "workloads", "storage"), "resource storage: never synced"),
    ],
    ids=str,
)
def test_status_takes_the_same_names(names: tuple[str, ...], said: str, run: CommandLine) -> None:
    run.sync("--context", "dev", *(f"--resource={name}" for name in ("roles", "rolebindings", "pods", "services")))
    result = run("status", "--dsn", run.dsn, *(f"--resource={name}" for name in names))

    assert said in result.output
    assert result.exit_code == (1 if "never" in said else 0)


def test_status_refuses_what_is_named_and_left_out(run: CommandLine) -> None:
    result = run("status", "--dsn", run.dsn, "--resource", "po", "--resource", "!p*")

    assert result.exit_code == 2
    assert "'po' is asked for by its name, and '!p*' leaves it out" in result.stderr


def test_doctor_takes_the_same_names(run: CommandLine) -> None:
    result = run(
        "doctor", "--kubeconfig", run.kubeconfig, "--context", "dev", "--resource", "rbac", "--resource", "!cluster*"
    )

    assert result.exit_code == 0
    assert "may list roles" in result.stdout
    assert "may list clusterroles" not in result.stdout


def test_empty_variables_are_as_if_they_were_not_set(run: CommandLine, inventory: Inventory) -> None:
    assert run.sync("--context", "dev", K8S_CONTEXTS="", K8S_RESOURCES=" , ").exit_code == 0
    assert synced_scopes(inventory) == {("dev", name) for name in SIX}


def test_the_file_of_the_replaced_system_gives_them_too(run: CommandLine, inventory: Inventory, tmp_path: Path) -> None:
    path = config(tmp_path / "sync.yml", contexts=["dev"], resources=["pods", "crds"], database_url=run.dsn)
    result = run("sync", "--config", path, "--kubeconfig", run.kubeconfig)

    assert result.exit_code == 0
    assert synced_scopes(inventory) == {("dev", "pods"), ("dev", "crds")}


@pytest.mark.parametrize("order", ["source first", "destination first"])
def test_the_file_may_hold_the_destination_too(
    order: str, run: CommandLine, inventory: Inventory, tmp_path: Path
) -> None:
    source = config(tmp_path / "sync.yml", contexts=["dev"], resources=["pods"]).read_text()
    destination = yaml.safe_dump({"kind": "destination", "spec": {"spec": {"connection_string": "elsewhere"}}})
    documents = [source, destination] if order == "source first" else ["", destination, source]
    (tmp_path / "sync.yml").write_text("---\n".join(documents))

    assert run.sync("--config", tmp_path / "sync.yml").exit_code == 0
    assert synced_scopes(inventory) == {("dev", "pods")}


def test_the_command_line_beats_the_file_and_the_file_the_environment(
    run: CommandLine, inventory: Inventory, tmp_path: Path
) -> None:
    path = config(tmp_path / "sync.yml", contexts=["prod"], resources=["pods"], database_url="postgresql://nowhere/x")
    variables = {"K8S_CONTEXTS": "nowhere", "K8S_RESOURCES": "nothing", "DATABASE_URL": "nonsense"}
    assert run.sync("--config", path, **variables).exit_code == 0
    assert run.sync("--config", path, "--context", "dev", "--resource", "nodes", **variables).exit_code == 0

    assert synced_scopes(inventory) == {("prod", "pods"), ("dev", "nodes")}


def test_several_kubeconfigs_are_merged(
    run: CommandLine, simulator: Simulator, inventory: Inventory, tmp_path: Path
) -> None:
    paths = []
    for name in ("dev", "prod"):
        document = simulator.kubeconfig_document()
        document["contexts"] = [entry for entry in document["contexts"] if entry["name"] == name]
        paths.append(tmp_path / name)
        paths[-1].write_text(yaml.safe_dump(document))
    both = os.pathsep.join(map(str, paths))
    run("sync", "--kubeconfig", both, "--dsn", run.dsn, "--resource", "pods")
    run("sync", "--dsn", run.dsn, "--resource", "nodes", KUBECONFIG=both)

    assert synced_scopes(inventory) == {(context, name) for context in ("dev", "prod") for name in ("pods", "nodes")}


@pytest.mark.parametrize("command", ["sync", "doctor"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--context", "staging"), "no context 'staging'"),
        (("--context", "staging"), "dev, prod"),
        (("--context", "pr0d"), "it has prod, dev"),
        (("--resource", "pods/log"), "'pods/log' cannot be a resource: what stands below an object"),
        (("--resource", "po ds"), "clusters, namespaces, nodes, pods, deployments, services, crds"),
        (("--resource", "pods.v2."), "leave the version out"),
        (("--resource", "po", "--resource", "!p*"), "'po' is asked for by its name, and '!p*' leaves it out"),
        (("--resource", "!po ds"), "'!po ds' cannot be a resource"),
        (("--kubeconfig", "/no/such/file"), "/no/such/file"),
        (("--config", "/no/such/file"), "/no/such/file"),
        (("--no-such-option",), "--no-such-option"),
        (("--exclude", "*"), "is left"),
        (("--schema", "a%b"), "schema 'a%b' cannot be used"),
        (("--schema", ""), "schema '' cannot be used: names of schemas have 1 to 63 bytes"),
        (("--schema", "ü" * 32), "cannot be used: names of schemas have 1 to 63 bytes"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_says_what_would_be_right(
    command: str, arguments: tuple[str, ...], said: str, run: CommandLine, inventory: Inventory
) -> None:
    result = run(command, "--kubeconfig", run.kubeconfig, "--dsn", run.dsn, *arguments)

    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert inventory.ledger() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--on-delete", "drop"),
        ("--mode", "fast"),
        ("--migrate", "never"),
        ("--namespace", "a/b"),
        ("-n", "[z-a]"),
        ("-l", "a b"),
        ("-l", "a=1", "-l", "a=2"),
        ("-l", "certificates.cert-manager.io:a=1"),
        ("--field-selector", "a"),
    ],
)
def test_choices_that_are_none(arguments: tuple[str, ...], run: CommandLine) -> None:
    assert run.sync(*arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [("--field-selector", "pods:spec.nodeName=a\nb"), ("-l", "app=\x1bweb"), ("-n", "a\nb")], ids=repr
)
def test_what_nobody_sees_is_refused_before_any_request(
    arguments: tuple[str, ...], run: CommandLine, simulator: Simulator, inventory: Inventory
) -> None:
    result = run.sync(*arguments)

    assert result.exit_code == 2
    assert "has a control character or a line break" in result.stderr
    assert (list(simulator["dev"].requests), inventory.ledger()) == ([], [])


def test_without_a_database_it_says_how_to_name_one(run: CommandLine) -> None:
    result = run("sync", "--kubeconfig", run.kubeconfig)

    assert result.exit_code == 2
    assert "no database: give --dsn, set DATABASE_URL, or database_url in --config" in result.stderr


def test_without_a_kubeconfig_it_says_how_to_name_one(run: CommandLine, tmp_path: Path) -> None:
    result = run("sync", "--dsn", run.dsn, HOME=tmp_path)

    assert result.exit_code == 2
    assert "no kubeconfig" in result.stderr


def test_a_broken_kubeconfig(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text(f"contexts: [\n  token: {SECRET}")
    result = run("sync", "--dsn", run.dsn, "--kubeconfig", tmp_path / "broken")

    assert result.exit_code == 2
    assert "broken is not YAML" in result.stderr
    assert SECRET not in result.output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "there is no spec.spec of a source in it"),
        ("[]", "there is no spec.spec of a source in it"),
        ("spec: {}", "there is no spec.spec of a source in it"),
        ("kind: destination\nspec: {spec: {contexts: [dev]}}", "there is no spec.spec of a source in it"),
        (f"spec: {{spec: {{}}}}\n---\ndatabase_url: postgresql://u:{SECRET}@h/d: x", "line 3"),
        ("spec: {spec: text}", "spec.spec is not a mapping"),
        ("spec: {spec: {contexts: dev}}", "spec.spec.contexts must be a list of names"),
        ("spec: {spec: {resources: [1]}}", "spec.spec.resources must be a list of names"),
        ("spec: [", "is not YAML: line 2"),
        (f"spec:\n  spec:\n    database_url: postgresql://u:{SECRET}@h/d: x", "line 3"),
        (f"database_url: 'postgresql://u:{SECRET}@h/d", "line 1"),
        (f"spec: {{spec: {{database_url: !!int {SECRET}}}}}", "line 1"),
    ],
)
def test_a_file_that_is_none_of_the_replaced_system(content: str, said: str, run: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "sync.yml"
    path.write_text(content)
    result = run.sync("--config", path)

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: --config")
    assert said in result.stderr
    assert SECRET not in result.output


def test_a_file_that_is_no_text(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "sync.yml").write_bytes(b"\xff\xfe\x00")

    assert run.sync("--config", tmp_path / "sync.yml").exit_code == 2


@pytest.mark.parametrize(
    ("command", "dsn", "status"),
    [
        ("sync", f"nonsense {SECRET}", 2),
        ("doctor", f"nonsense {SECRET}", 2),
        ("sync", f"postgresql://u:{SECRET}@127.0.0.1:1/inventory", 1),
    ],
)
def test_a_bad_dsn_is_told_without_its_password(command: str, dsn: str, status: int, run: CommandLine) -> None:
    result = run(command, "--kubeconfig", run.kubeconfig, "--dsn", dsn)

    assert result.exit_code == status
    assert result.stderr.startswith("Error: ")
    assert SECRET not in result.output


@pytest.mark.parametrize("arguments", [("--help",), ("sync", "--help"), ("doctor", "-h"), ("--version",)])
def test_help_and_version(arguments: tuple[str, ...], run: CommandLine) -> None:
    result = run(*arguments)

    assert result.exit_code == 0
    assert result.output
