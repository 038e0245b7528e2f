"""A task that Airflow ends, by its execution_timeout or by SIGTERM, ends at once and closes its connections."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pytest

from airflow_provider_k8s_inventory.exceptions import ScopeError
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator
from tests.airflow.tasks import execute
from tests.kit.raw_server import RawServer, response

# Its error is in another module in each Airflow from 3.1 on; the one that raises it has it under its name.
TASK_RUNNER: Any = import_module("airflow.sdk.execution_time.timeout")

KUBE_SYSTEM = b'{"metadata":{"name":"kube-system","uid":"u"}}'


@pytest.fixture
def server() -> Iterator[RawServer]:
    """Says who it is, and nothing else."""

    def pieces(request: str) -> Iterator[bytes]:
        return iter([response(KUBE_SYSTEM)]) if "kube-system" in request else serving.silence()

    with RawServer(pieces) as serving:
        yield serving


@pytest.fixture(params=["pods", "pods, services, deployments"], ids=["one scope", "several scopes"])
def operator(
    request: pytest.FixtureRequest, server: RawServer, inventory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> KubernetesToPostgresOperator:
    path = tmp_path / "kubeconfig"
    path.write_text(
        f"clusters: [{{name: c, cluster: {{server: '{server.url}'}}}}]\n"
        "contexts: [{name: dev, context: {cluster: c}}]\n"
    )
    monkeypatch.setenv("KUBECONFIG", str(path))
    return KubernetesToPostgresOperator(
        task_id="sync", cluster_context="dev", resource=request.param, execution_timeout=timedelta(seconds=1)
    )


def unchanged(inventory: str) -> bool:
    with psycopg.connect(inventory) as conn:
        return conn.execute("SELECT count(*) FROM k8s_pods").fetchone() == (0,)


def test_a_timeout_ends_the_request(operator: KubernetesToPostgresOperator, server: RawServer, inventory: str) -> None:
    before = signal.getsignal(signal.SIGALRM)
    runner = TASK_RUNNER.timeout(2)
    try:
        with pytest.raises(TASK_RUNNER.AirflowTaskTimeout), runner:
            execute(operator)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert server.closed.wait(10)
    assert unchanged(inventory)


def test_sigterm_ends_the_request(operator: KubernetesToPostgresOperator, server: RawServer, inventory: str) -> None:
    def on_term(number: int, frame: FrameType | None) -> None:
        operator.on_kill()  # as the task runner does

    before = signal.signal(signal.SIGTERM, on_term)
    alarm = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 2)
    try:
        with pytest.raises(ScopeError, match="the task was ended from outside"):
            execute(operator)
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGALRM, alarm)
    assert server.closed.wait(10)
    assert unchanged(inventory)


def test_a_task_that_does_not_run_can_be_killed(operator: KubernetesToPostgresOperator) -> None:
    operator.on_kill()
