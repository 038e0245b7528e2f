"""`k8s-inventory doctor --conn-id`: the contexts of an Airflow Connection, from where Airflow itself finds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from airflow_provider_k8s_inventory.cli import main


def doctor(conn_id: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", "--conn-id", conn_id, "--resource", "pods", *arguments])


@pytest.fixture
def connection(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that names the kubeconfig of the clusters."""
    monkeypatch.delenv("KUBECONFIG")
    extra = {"kube_config_path": str(kubeconfig)}
    monkeypatch.setenv("AIRFLOW_CONN_CLUSTERS", json.dumps({"conn_type": "k8s_inventory", "extra": extra}))


@pytest.mark.usefixtures("connection")
def test_its_contexts_are_examined() -> None:
    result = doctor("clusters", "--context", "dev")

    assert result.exit_code == 0, result.output
    assert "may list pods" in result.stdout
    assert " prod " not in result.stdout


@pytest.mark.usefixtures("connection", "metadata_database")
def test_one_that_is_stored_is_found(kubeconfig: Path) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    extra = json.dumps({"kube_config_path": str(kubeconfig)})
    with create_session() as session:
        session.add(Connection(conn_id="stored", conn_type="kubernetes", extra=extra))
    try:
        assert doctor("stored", "--context", "prod").exit_code == 0
    finally:
        with create_session() as session:
            session.query(Connection).filter_by(conn_id="stored").delete()


@pytest.mark.usefixtures("metadata_database")
def test_one_that_does_not_exist_is_wrong_usage() -> None:
    result = doctor("nowhere")

    assert result.exit_code == 2
    assert "Airflow finds no connection 'nowhere'" in result.stderr


def test_one_of_another_type_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "ssh"}))
    result = doctor("other")

    assert result.exit_code == 2
    assert "give one of type k8s_inventory or kubernetes" in result.stderr
