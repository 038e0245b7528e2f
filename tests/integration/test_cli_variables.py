"""Variables in the file of `--config`: expanded as CloudQuery does, but a value never becomes YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo, sql

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory

SECRET = "hunter2secret"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sync.yml"


def synced_scopes(inventory: Inventory) -> set[tuple[str, str]]:
    return {(row["context_name"], row["resource"]) for row in inventory.ledger()}


@pytest.mark.parametrize("quotes", ["", "'", '"'], ids=["plain", "single", "double"])
def test_a_variable_is_the_environments(quotes: str, run: CommandLine, inventory: Inventory, file: Path) -> None:
    file.write_text(
        f"kind: source\nspec:\n  name: k8s\n  spec:\n    contexts: [dev]\n    resources: [pods]\n"
        f"    database_url: {quotes}${{PG_CONNECTION_STRING}}{quotes}\n"
    )
    result = run("sync", "--kubeconfig", run.kubeconfig, "--config", file, PG_CONNECTION_STRING=run.dsn)

    assert (result.exit_code, result.stderr) == (0, "")
    assert synced_scopes(inventory) == {("dev", "pods")}


def test_a_variable_may_be_a_part_of_a_value_and_stand_within_brackets(
    run: CommandLine, inventory: Inventory, file: Path
) -> None:
    file.write_text(
        "spec: {spec: {contexts: [${STAGE}, 'pr${REST}'], resources: [p${KIND}s],\n"
        '  database_url: "${BASE}${DATABASE}"}} # not ${EXPANDED}\n'
    )
    base, _, migrated_database = run.dsn.rpartition("/")
    result = run(
        "sync", "--kubeconfig", run.kubeconfig, "--config", file,
        STAGE="dev", REST="od", KIND="od", BASE=f"{base}/", DATABASE=migrated_database,
    )  # fmt: skip

    assert (result.exit_code, result.stderr) == (0, "")
    assert synced_scopes(inventory) == {("dev", "pods"), ("prod", "pods")}


def test_a_variable_may_hold_a_whole_list(run: CommandLine, inventory: Inventory, file: Path) -> None:
    file.write_text("spec:\n  spec:\n    contexts: ${CONTEXTS}\n    resources: ${RESOURCES}\n")
    result = run.sync("--config", file, CONTEXTS="[dev, prod]", RESOURCES='["pods"]')

    assert (result.exit_code, result.stderr) == (0, "")
    assert synced_scopes(inventory) == {("dev", "pods"), ("prod", "pods")}


def test_a_file_may_hold_a_value_and_end_in_a_newline(
    run: CommandLine, inventory: Inventory, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "dsn").write_text(f"{run.dsn}\n")
    file.write_text(f"spec: {{spec: {{contexts: [dev], resources: [pods], database_url: '${{file:{tmp_path}/dsn}}'}}}}")
    result = run("sync", "--kubeconfig", run.kubeconfig, "--config", file)

    assert (result.exit_code, result.stderr) == (0, "")


@pytest.fixture
def password(request: pytest.FixtureRequest, migrated_database: str) -> Iterator[str]:
    """The password of a user `odd`."""
    with psycopg.connect(migrated_database, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE ROLE odd LOGIN SUPERUSER PASSWORD {}").format(sql.Literal(request.param)))
        yield request.param
        conn.execute("DROP ROLE odd")


@pytest.mark.alters_database
@pytest.mark.parametrize("quotes", ["", "'", '"'], ids=["plain", "single", "double"])
@pytest.mark.parametrize(
    "password",
    [
        "a: b",
        "a #b",
        "'",
        '"',
        "\\",
        "{x}",
        "[x]",
        "a\nb: c",
        "*x",
        "&x",
        "%24",
        "${HOME}",
        "k8s-inventory-variable-0-",
    ],
    indirect=True,
    ids=ascii,
)
def test_a_value_stays_one_value_whatever_it_holds(
    password: str, quotes: str, run: CommandLine, migrated_database: str, file: Path
) -> None:
    file.write_text(f"spec:\n  spec:\n    contexts: [dev]\n    database_url: {quotes}${{DSN}}{quotes}\n")
    dsn = conninfo.make_conninfo(migrated_database, user="odd", password=password)
    result = run("sync", "--kubeconfig", run.kubeconfig, "--config", file, "--resource", "pods", DSN=dsn)

    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("value", ["x]\n    resources: [pods", "dev, prod", "dev\n- prod", "dev #"])
def test_a_value_cannot_become_another_setting(value: str, run: CommandLine, file: Path) -> None:
    file.write_text("spec:\n  spec:\n    contexts: [${CONTEXT}]\n")
    result = run.sync("--config", file, CONTEXT=value)

    assert result.exit_code == 2
    assert "no context " in result.stderr


def test_what_the_command_line_overrides_is_not_expanded(run: CommandLine, inventory: Inventory, file: Path) -> None:
    file.write_text(
        "kind: source\nspec: {spec: {contexts: ['${NOT_SET}'], database_url: '${NOT_SET}'}}\n---\n"
        "kind: destination\nspec: {spec: {connection_string: '${NOT_SET_EITHER}'}}\n"
    )
    result = run.sync("--config", file, "--context", "dev", "--resource", "pods")

    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("database_url: '${NOT_SET}'", "the environment variable NOT_SET is not set; set it"),
        ("contexts: ['${NOT_SET}']", "the environment variable NOT_SET is not set"),
        ("database_url: '${file:/no/such/file}'", "the file /no/such/file of a variable cannot be read: No such file"),
        ("database_url: '${file:/}'", "the file / of a variable cannot be read: Is a directory"),
        ("database_url: '${EMPTY}'", "spec.spec.database_url is empty"),
        ("contexts: '${SECRET}'", "spec.spec.contexts must be a list of names"),
        ("contexts: '${BROKEN}'", "spec.spec.contexts is not YAML"),
        ("contexts: '${NESTED}'", "spec.spec.contexts must be a list of names"),
    ],
)
def test_what_cannot_be_expanded_is_wrong_usage(setting: str, said: str, run: CommandLine, file: Path) -> None:
    file.write_text(f"spec:\n  spec:\n    {setting}\n")
    result = run(
        "sync", "--kubeconfig", run.kubeconfig, "--config", file,
        EMPTY="", SECRET=SECRET, BROKEN=f"[{SECRET}", NESTED=f"[[{SECRET}]]", DATABASE_URL=run.dsn,
    )  # fmt: skip

    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: --config {file}: ")
    assert said in result.stderr
    assert SECRET not in result.output


def test_a_file_that_is_no_text_is_wrong_usage(run: CommandLine, file: Path, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_bytes(b"\xff\xfe")
    file.write_text(f"spec: {{spec: {{database_url: '${{file:{tmp_path}/dsn}}'}}}}")
    result = run("sync", "--kubeconfig", run.kubeconfig, "--config", file)

    assert result.exit_code == 2
    assert "is not UTF-8" in result.stderr
