"""A kubeconfig in an Airflow connection may hold credentials; it may not fetch them from the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from tests.kit.kubeconfigs import Folder, client_pair, encoded

SOURCE = "connection 'k8s'"


def context(user: dict[str, Any], *, allow_exec: bool = False) -> Context:
    document = {
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
    }
    return kubeconfig.parse(document, source=SOURCE, allow_exec=allow_exec).contexts["dev"]


def plugin(folder: Folder) -> dict[str, Any]:
    command = folder.command("plugin", "exit 1")
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(command)}}


@pytest.mark.parametrize(
    ("user", "asked"),
    [
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/true"}}, "exec"),
        ({"auth-provider": {"name": "gcp", "config": {"cmd-path": "/bin/true"}}}, "auth-provider"),
        ({"tokenFile": "/etc/hostname"}, "tokenFile"),
        ({"token": "token", "tokenFile": "/etc/hostname"}, "tokenFile"),
        ({"client-certificate": "/pki/a.crt", "client-key": "/pki/a.key"}, "client-certificate, client-key"),
    ],
)
def test_commands_and_files_are_refused_with_the_way_to_allow_them(user: dict[str, Any], asked: str) -> None:
    with Client(context(user)) as client, pytest.raises(UnauthorizedError) as caught:
        client.get("/version")
    assert f"its user asks for {asked}, and {SOURCE} may neither run commands nor read files" in str(caught.value)
    assert "allow_exec=True" in str(caught.value)


def test_a_refused_command_never_runs(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with Client(context(plugin(folder))) as client, pytest.raises(UnauthorizedError):
        client.get("/version")
    assert folder.runs("plugin") == 0


def test_an_allowed_command_runs(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with Client(context(plugin(folder), allow_exec=True)) as client, pytest.raises(UnauthorizedError):
        client.get("/version")
    assert folder.runs("plugin") == 1


def test_embedded_credentials_are_welcome() -> None:
    pair = client_pair()
    certificate = {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)}
    credentials = context(certificate | {"token": "token"}).credentials
    assert credentials.authentication().authorization == "Bearer token"
    assert credentials.authentication().certificate is not None
