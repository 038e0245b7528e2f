"""`k8s-inventory sync --log-format json`: each line of standard error is a JSON object."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from k8s_inventory_demo.simulator import Cluster, Simulator

from airflow_provider_k8s_inventory.cli.logs import JsonFormatter
from tests.kit.objects import pods


def sync(*arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "airflow_provider_k8s_inventory", "sync", "--log-format", "json", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, [json.loads(line) for line in ended.stderr.splitlines()]


def test_each_scope_is_a_line_with_its_fields(
    simulator: Simulator, dev: Cluster, migrated_database: str, tmp_path: Path
) -> None:
    dev.seed("pods", pods(5))
    kubeconfig = simulator.kubeconfig(tmp_path / "kubeconfig")
    simulator.stop("prod")
    code, lines = sync("--kubeconfig", kubeconfig, "--dsn", migrated_database, "--resource", "pods", "--json")
    of_scopes = {line["context"]: line for line in lines if "status" in line}

    assert code == 1
    assert {name: of_scopes["dev"][name] for name in ("level", "resource", "status", "mode", "seen", "inserted")} == {
        "level": "info", "resource": "pods", "status": "success", "mode": "full", "seen": 5, "inserted": 5,
    }  # fmt: skip
    assert (of_scopes["prod"]["level"], of_scopes["prod"]["status"]) == ("error", "unreachable")
    assert "cannot be reached" in of_scopes["prod"]["reason"]
    assert lines[-1]["message"].startswith("Sync completed with errors.")


def test_an_error_of_the_command_is_a_line_too() -> None:
    code, lines = sync("--resource", "no such name", "--dsn", "postgresql://nowhere.invalid/x")

    assert code == 2
    assert [line["level"] for line in lines] == ["error"]
    assert "no such name" in lines[0]["message"]


def test_a_traceback_is_inside_its_line() -> None:
    try:
        raise ValueError("two\nlines \udce9")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "failed: %s", ("é\u2028",), sys.exc_info())
    line = JsonFormatter().format(record)

    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == "failed: é\u2028"
    assert 'raise ValueError("two' in json.loads(line)["exception"]
