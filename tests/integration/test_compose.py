"""docker-compose.yaml without an engine: by the schema of the Compose Specification, and by what its services need.

The schema, fixtures/compose-spec.json, is schema/compose-spec.json of github.com/compose-spec/compose-go/v2 v2.16.2,
under the Apache License 2.0. `docker compose config` has its word in the hosted checks.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from tests.kit import go_programs

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yaml"
KUBECTL = go_programs.kubectl()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text()))


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((ROOT / "tests/fixtures/compose-spec.json").read_text()))


def one_shots(compose: dict[str, Any]) -> set[str]:
    """The services that others wait for to end."""
    completed = "service_completed_successfully"
    return {name for _, name, condition in dependencies(compose) if condition == completed}


def dependencies(compose: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Who waits for whom to be what."""
    return [
        (service, name, dependency["condition"])
        for service, definition in compose["services"].items()
        for name, dependency in definition.get("depends_on", {}).items()
    ]


def test_it_is_what_the_specification_allows(compose: dict[str, Any], schema: jsonschema.Draft202012Validator) -> None:
    assert [error.message for error in schema.iter_errors(compose)] == []


def test_the_schema_finds_a_typo(compose: dict[str, Any], schema: jsonschema.Draft202012Validator) -> None:
    broken = copy.deepcopy(compose)
    broken["services"]["postgres"]["healthchek"] = {}

    assert "healthchek" in next(schema.iter_errors(broken)).message


def test_it_has_postgresql_airflow_and_two_clusters(compose: dict[str, Any]) -> None:
    airflow = {
        f"airflow-{component}" for component in ("init", "api-server", "scheduler", "dag-processor", "triggerer")
    }

    assert set(compose["services"]) == {"postgres", "k3s-dev", "k3s-prod", "kubeconfig", "watch", *airflow}


def test_a_watch_comes_on_request(compose: dict[str, Any]) -> None:
    assert {name for name, service in compose["services"].items() if service.get("profiles")} == {"watch"}


def test_every_service_that_stays_has_a_health_check(compose: dict[str, Any]) -> None:
    checked = {name for name, service in compose["services"].items() if "healthcheck" in service}

    assert checked == set(compose["services"]) - one_shots(compose)


def test_nothing_waits_for_less_than_health(compose: dict[str, Any]) -> None:
    assert {condition for *_, condition in dependencies(compose)} == {
        "service_healthy",
        "service_completed_successfully",
    }


def test_tasks_start_when_the_kubeconfig_is_there(compose: dict[str, Any]) -> None:
    assert ("airflow-scheduler", "kubeconfig", "service_completed_successfully") in dependencies(compose)


def test_ports_are_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_airflow_is_the_version_we_test_with(compose: dict[str, Any]) -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    tested = next(package["version"] for package in packages if package["name"] == "apache-airflow")

    assert f"FROM apache/airflow:{tested}-" in compose["x-airflow"]["build"]["dockerfile_inline"]


@pytest.mark.skipif(not KUBECTL, reason="kubectl is not installed")
def test_the_kubeconfigs_are_merged_into_contexts_dev_and_prod(compose: dict[str, Any], tmp_path: Path) -> None:
    for name in ("dev", "prod"):
        (tmp_path / name).write_text(K3S_KUBECONFIG)
    script = compose["services"]["kubeconfig"]["command"][0].replace("$$", "$").replace("/tmp/", f"{tmp_path}/merged-")
    script = script.replace("cd /kubeconfig", f"cd {tmp_path}")

    path = f"{Path(str(KUBECTL)).parent}:{os.environ['PATH']}"
    subprocess.run(["/bin/sh", "-euc", script], env={"PATH": path}, check=True)

    contexts = kubeconfig.load([tmp_path / "config"]).contexts
    assert {name: context.server for name, context in contexts.items()} == {
        "dev": "https://k3s-dev:6443",
        "prod": "https://k3s-prod:6443",
    }


def test_the_example_dag_finds_its_connection(compose: dict[str, Any]) -> None:
    dag = (ROOT / "dags/k8s_inventory.py").read_text()
    (connection,) = re.findall(r'"postgres_conn_id": "(\w+)"', dag)

    assert f"AIRFLOW_CONN_{connection.upper()}" in compose["x-airflow"]["environment"]


def test_the_secret_is_nowhere_in_the_file(compose: dict[str, Any]) -> None:
    environment = compose["x-airflow"]["environment"]
    secret = "${JWT_SECRET:?set it"

    assert environment["AIRFLOW__API_AUTH__JWT_SECRET"].startswith(secret)
    assert environment["AIRFLOW__API__SECRET_KEY"].startswith(secret)


K3S_KUBECONFIG = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Y2VydGlmaWNhdGU=
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-certificate-data: Y2VydGlmaWNhdGU=
    client-key-data: a2V5
"""
"""What k3s writes (pkg/kubeconfig of k3s-io/k3s)."""
