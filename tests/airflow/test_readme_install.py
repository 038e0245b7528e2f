"""The lines of the README's Install, run as they stand there: they end in a green run and a DAG that is on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Simulator

README = Path(__file__).parents[2] / "README.md"
PLACE = "postgresql://inventory:password@db.example.com/inventory"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not README.exists(), reason="the tests were copied away from the README"),
]


def blocks() -> list[str]:
    """The console blocks of the section Install."""
    section = README.read_text().partition("\n## Install\n")[2].partition("\n## ")[0]
    return re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def newcomer(home: Path, kubeconfig: Path) -> Mapping[str, str]:
    """The environment of somebody who has just installed the package, and set nothing."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return bare | {"HOME": str(home), "PATH": path, "KUBECONFIG": str(kubeconfig)}


def test_the_first_block_installs_the_same_airflow_as_its_constraints() -> None:
    install = blocks()[0]
    (version,) = re.findall(r"apache-airflow==(\S+)", install)
    assert f"/constraints-{version}/constraints-3." in install


def test_the_second_block_ends_in_a_green_run(empty_database: str, tmp_path: Path) -> None:
    lines = blocks()[1]
    assert PLACE in lines
    with Simulator([Cluster("dev"), Cluster("prod")]) as simulator:
        done = subprocess.run(
            ["bash", "-e"],
            input=lines.replace(PLACE, empty_database),
            env=newcomer(tmp_path, simulator.kubeconfig(tmp_path / "kubeconfig")),
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    with psycopg.connect(empty_database) as conn:
        assert conn.execute("SELECT count(*), min(last_status), max(last_status) FROM k8s_freshness").fetchone() == (
            12,
            "success",
            "success",
        )
    paused = subprocess.run(
        ["airflow", "dags", "list", "--output", "json"],
        env={**newcomer(tmp_path, tmp_path / "kubeconfig"), "AIRFLOW_HOME": str(tmp_path / "airflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert paused.stdout.count('"dag_id": "k8s_inventory"') == 1
    assert re.search(r'"dag_id": "k8s_inventory".*?"is_paused": "False"', paused.stdout, re.DOTALL)
