"""What runs ``k8s-inventory watch`` as a service: a unit of systemd, a Deployment, a service of Compose."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_k8s_inventory.cli import main

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "docs" / "k8s-inventory-watch.service"
DEPLOYMENT = ROOT / "docs" / "k8s-inventory-watch.yaml"


def pod() -> Any:
    return yaml.safe_load(DEPLOYMENT.read_text())["spec"]["template"]["spec"]


def commands() -> dict[str, list[str]]:
    lines = UNIT.read_text().splitlines()
    (started,) = (line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart="))
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]["watch"]["command"]
    return {
        "systemd": shlex.split(started),
        "Deployment": pod()["containers"][0]["args"],
        "Compose": shlex.split(compose[-1].removeprefix("exec ")),
    }


@pytest.mark.parametrize("where", ["systemd", "Deployment", "Compose"])
def test_its_command_is_one(where: str) -> None:
    program, command, *arguments = commands()[where]

    assert Path(program).name == "k8s-inventory"
    main.commands[command].make_context(command, arguments)


@pytest.mark.parametrize("where", ["systemd", "Deployment"])
def test_it_serves_its_health(where: str) -> None:
    assert commands()[where][-2:] == ["--health-port", "8080"]


def test_the_probes_ask_the_health_port() -> None:
    (container,) = pod()["containers"]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]

    assert container["ports"] == [{"name": "health", "containerPort": 8080}]
    assert probes == [{"path": path, "port": "health"} for path in ("/healthz", "/healthz", "/readyz")]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/k8s-inventory/bin/k8s-inventory", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
