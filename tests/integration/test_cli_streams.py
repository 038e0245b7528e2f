"""`k8s-inventory` on streams that are not UTF-8, closed, full, or read by somebody who leaves early."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import named
from tests.kit.programs import PROGRAM, environment, on_terminal

ENCODINGS = {
    "utf-8": {"LC_ALL": "C.UTF-8"},
    "C": {"LC_ALL": "C"},
    "POSIX without UTF-8 mode": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "ascii, strict": {"PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "a dumb terminal": {"TERM": "dumb", "PYTHONIOENCODING": "ascii"},
    "no colours": {"NO_COLOR": "1", "PYTHONIOENCODING": "cp1252"},
}
NAME = "dév-集群-🚀"


@pytest.fixture
def where(run: CommandLine) -> tuple[str, ...]:
    """A kubeconfig whose first context has a name of many scripts, and a database."""
    document = yaml.safe_load(run.kubeconfig.read_text())
    document["contexts"][0]["name"] = NAME
    run.kubeconfig.write_text(yaml.safe_dump(document, allow_unicode=True))
    return "--kubeconfig", str(run.kubeconfig), "--dsn", run.dsn, "--resource", "deployments"


@pytest.fixture(params=ENCODINGS, ids=list(ENCODINGS))
def encoding(request: pytest.FixtureRequest) -> Mapping[str, str]:
    return ENCODINGS[request.param]


def ran(*arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PROGRAM, *arguments], env=environment(**variables), capture_output=True, check=False)


def test_tables_reasons_and_warnings_are_shown_in_any_encoding(
    where: tuple[str, ...], dev: Cluster, prod: Cluster, encoding: Mapping[str, str]
) -> None:
    dev.seed("deployments", [named("wëb", "shop") | {"spec": 1}])
    prod.inject(Fault(path="/deployments", status=403, body="verboten ✗".encode(), times=None))
    done = ran("sync", *where, **encoding)

    assert (done.returncode, done.stderr) == (1, b"")
    assert b"deployments: warning: shop/w" in done.stdout
    assert b"deployments: forbidden: " in done.stdout
    assert b"Resources: 1, Errors: 1, " in done.stdout


def test_errors_are_shown_in_any_encoding(where: tuple[str, ...], encoding: Mapping[str, str]) -> None:
    done = ran("sync", *where, "--context", "přod", **encoding)

    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: ")
    assert b"Traceback" not in done.stderr


def test_doctor_is_shown_in_any_encoding(where: tuple[str, ...], encoding: Mapping[str, str]) -> None:
    done = ran("doctor", *where, **encoding)

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"all good" in done.stdout


def test_status_is_shown_in_any_encoding(where: tuple[str, ...], encoding: Mapping[str, str]) -> None:
    ran("sync", *where)
    done = ran("status", *where[2:], "--stale", "0s", **encoding)

    assert (done.returncode, done.stderr) == (1, b"")
    assert b"deployments: stale, last good " in done.stdout


def test_the_dag_is_utf_8_in_any_encoding(encoding: Mapping[str, str]) -> None:
    done = ran("dag", **encoding)

    assert (done.returncode, done.stderr) == (0, b"")
    assert "One mapped task per scope, one context × one resource" in done.stdout.decode()


def test_help_is_shown_in_any_encoding(encoding: Mapping[str, str]) -> None:
    for command in ("sync", "doctor", "status", "changes", "show", "dag"):
        done = ran(command, "--help", **encoding)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.count(b"\n    k8s-inventory ") + done.stdout.count(b"\n    airflow ") >= 3


def test_json_is_utf_8_in_any_encoding(where: tuple[str, ...], encoding: Mapping[str, str]) -> None:
    done = ran("sync", *where, "--json", **encoding)

    assert done.returncode == 0
    assert NAME.encode() in done.stdout


def test_a_context_is_chosen_by_its_name_in_any_encoding(where: tuple[str, ...], encoding: Mapping[str, str]) -> None:
    chosen = ran("sync", *where, "--context", NAME, **encoding)
    named_by_variable = ran("sync", *where, K8S_CONTEXTS=NAME, **encoding)

    assert (chosen.returncode, named_by_variable.returncode) == (0, 0)


def test_what_the_encoding_lacks_is_escaped_and_our_own_signs_are_plain(where: tuple[str, ...]) -> None:
    done = ran("doctor", *where, PYTHONIOENCODING="ascii")

    assert re.search(rb"^ \+ +d\\xe9v-\\u96c6\\u7fa4-\\U0001f680 ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", [("sync",), ("sync", "--json"), ("doctor",), ("dag",), ("--help",)], ids=" ".join)
def test_a_reader_that_leaves_early_is_no_error(
    command: tuple[str, ...], where: tuple[str, ...], dev: Cluster, inventory: Inventory
) -> None:
    with subprocess.Popen(
        [*PROGRAM, *command, *(where if command[0] in ("sync", "doctor") else ())],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read()

    assert process.returncode == 0
    assert b"Traceback" not in said
    assert b"Broken pipe" not in said
    if command[0] == "sync":
        assert len(inventory.ledger()) == 2


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed: str, where: tuple[str, ...], inventory: Inventory) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *PROGRAM, "sync", *where],
        env=environment(),
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert [row["status"] for row in inventory.ledger()] == ["success", "success"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("command", [("sync",), ("sync", "--json"), ("doctor",), ("--help",)], ids=" ".join)
def test_output_that_cannot_be_written_is_an_error_in_a_sentence(
    command: tuple[str, ...], where: tuple[str, ...]
) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PROGRAM, *command, *(where if command[0] != "--help" else ())],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("columns", [20, 40, 80])
@pytest.mark.parametrize("variables", [{}, {"PYTHONIOENCODING": "ascii"}], ids=["utf-8", "ascii"])
def test_the_progress_names_what_is_under_way(
    variables: Mapping[str, str], columns: int, where: tuple[str, ...], simulator: Simulator
) -> None:
    prod = simulator["prod"]
    slow = prod.inject(Fault(path="/deployments", latency=3600, times=None))
    ended: list[str] = []

    def let_it_end(shown: str) -> None:
        if slow.hits and "prod: depl" in shown and not ended:
            ended.append(shown)
            prod.faults.clear()
            simulator.stop("prod")
            simulator.start("prod")

    shown = on_terminal("sync", *where, columns=columns, until=let_it_end, **variables)

    assert slow.hits == 1
    assert shown.status == 0
    assert "Traceback" not in shown.output
    if columns == 80:
        assert re.search(r"prod: deployments (…|\.) \d+ s", shown.output)


@pytest.mark.parametrize(("columns", "numbers"), [(120, "unchanged"), (60, "seen"), (30, "status")])
def test_a_narrow_terminal_gets_fewer_columns(columns: int, numbers: str, where: tuple[str, ...]) -> None:
    shown = on_terminal("sync", *where, columns=columns)

    assert numbers in shown.output
    assert "success" in shown.output


def test_colours_are_left_out_on_request(where: tuple[str, ...]) -> None:
    coloured, plain = on_terminal("sync", *where), on_terminal("sync", *where, NO_COLOR="1")

    assert "\x1b[32msuccess" in coloured.output
    assert "\x1b[32m" not in plain.output
