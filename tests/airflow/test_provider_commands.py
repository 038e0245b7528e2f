"""What Airflow's own command line says of the provider."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

NAME = "airflow-provider-k8s-inventory"


def airflow(*arguments: str) -> Any:
    command = [str(Path(sys.executable).with_name("airflow")), *arguments, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # Airflow 3.1 logs to the same stream.
    return json.loads(done.stdout[done.stdout.rindex("\n[{") + 1 if "\n[{" in done.stdout else 0 :])


def test_the_provider_is_listed() -> None:
    (found,) = [line for line in airflow("providers", "list") if line["package_name"] == NAME]
    assert "Kubernetes" in found["description"]


def test_the_hook_and_its_connection_type_are_listed() -> None:
    (found,) = [line for line in airflow("providers", "hooks") if line["connection_type"] == "k8s_inventory"]
    assert found["class"].endswith(".KubernetesInventoryHook")
    assert found["conn_id_attribute_name"] == "kubernetes_conn_id"
    assert found["package_name"] == NAME


@pytest.mark.skipif(Version(version("apache-airflow")) < Version("3.2"), reason="Airflow 3.1 has no form for extras")
def test_the_connection_form_has_the_fields_we_read() -> None:
    prefix = "extra__k8s_inventory__"
    names = [line["connection_parameter_name"] for line in airflow("providers", "widgets")]
    fields = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    assert fields == {"kube_config_path", "kube_config_secret", "in_cluster", "page_size"}
