"""The errors that a failed task raises: of the type of the failure, with its data and its cause."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Fault, Rule, Simulator, User
from urllib3.exceptions import SSLError

from airflow_provider_k8s_inventory.exceptions import (
    ForbiddenError,
    ResponseError,
    ScopeError,
    UnauthorizedError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator
from tests.airflow.tasks import execute

pytestmark = pytest.mark.usefixtures("inventory", "kubeconfig")


def sync(resource: str = "pods") -> Any:
    return execute(KubernetesToPostgresOperator(task_id="sync", cluster_context="dev", resource=resource))


def test_a_task_that_fails_raises_an_error_of_its_type_with_its_data(simulator: Simulator) -> None:
    token = simulator.token("dev")
    simulator["dev"].add_user(User(name="admin", token=token, denied=(Rule(resources=("pods",)),)))
    with pytest.raises(ForbiddenError) as raised:
        sync()
    error = raised.value
    assert (error.http_status, error.kubernetes_reason, error.request) == (403, "Forbidden", "GET /api/v1/pods")
    assert error.advice == "grant the verb on the resource to this user, or leave the resource out"
    assert str(error).endswith(f"; {error.advice}")


def test_a_task_that_fails_keeps_the_cause_without_its_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the cluster's CA, its certificate cannot be verified.
    cluster = {"name": "dev", "cluster": {"server": kubeconfig.load().contexts["dev"].server}}
    context = {"name": "dev", "context": {"cluster": "dev", "user": ""}}
    (tmp_path / "config").write_text(json.dumps({"clusters": [cluster], "contexts": [context]}))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(UnreachableError, match=r"dev · pods: unreachable: .*certificate verify failed") as raised:
        sync()
    cause = raised.value.__cause__
    assert isinstance(cause, SSLError)
    assert cause.__traceback__ is None


def test_several_scopes_that_fail_for_one_reason_raise_its_type(simulator: Simulator) -> None:
    simulator["dev"].add_user(User(name="admin", token="another"))
    with pytest.raises(UnauthorizedError, match="2 of 2 scopes failed") as raised:
        sync(resource="pods,services")
    assert raised.value.http_status == 401


def test_several_scopes_that_fail_for_several_reasons_keep_each_error(simulator: Simulator) -> None:
    token = simulator.token("dev")
    simulator["dev"].add_user(User(name="admin", token=token, denied=(Rule(resources=("pods",)),)))
    simulator["dev"].inject(Fault(path="/services$", body=b"<html>", times=None))
    with pytest.raises(ScopeError, match="2 of 2 scopes failed") as raised:
        sync(resource="pods,services")
    cause = raised.value.__cause__
    assert isinstance(cause, ExceptionGroup)
    assert {type(error) for error in cause.exceptions} == {ForbiddenError, ResponseError}
