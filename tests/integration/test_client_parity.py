"""Our reader and the official Kubernetes client send the same request for the same kubeconfig.

The official client is asked as Airflow's own hook asks it; both speak to one real HTTPS server that tells what it saw.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from tests.kit.kubeconfigs import (
    EXEC_TOKEN,
    FILE_TOKEN,
    HERE,
    PASSWORD,
    TOKEN,
    Folder,
    client_pair,
    exec_credential,
)
from tests.kit.stub_server import Seen, StubServer

BASIC = "Basic " + base64.b64encode(f"jane:{PASSWORD}".encode()).decode()

# The parts that matter of what each kubeconfig makes clients send: path, Authorization, certificate's name, TLS name.
EXPECTED = {
    "anonymous": ("/version", None, None, None),
    "basic": ("/version", BASIC, None, None),
    "certificate-and-token": ("/version", f"Bearer {TOKEN}", "jane", None),
    "certificate-data": ("/version", None, "jane", None),
    "certificate-files": ("/version", None, "jane", None),
    "certificate-mixed": ("/version", None, "jane", None),
    "certificate-relative": ("/version", None, "jane", None),
    "data-beats-files": ("/version", None, "jane", None),
    "exec-certificate": ("/version", None, "jane", None),
    "exec-token": ("/version", f"Bearer {EXEC_TOKEN}", None, None),
    "insecure": ("/version", f"Bearer {TOKEN}", None, None),
    "oidc": ("/version", "Bearer {id_token}", None, None),
    "path-prefix": ("/k8s/clusters/c-1/version", f"Bearer {TOKEN}", None, None),
    "tls-server-name": ("/version", f"Bearer {TOKEN}", None, "api.test"),
    "token": ("/version", f"Bearer {TOKEN}", None, None),
    "token-file": ("/version", f"Bearer {FILE_TOKEN}", None, None),
}


def test_every_kubeconfig_is_compared() -> None:
    assert {path.stem for path in HERE.glob("*.yaml")} == set(EXPECTED)


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer() as running:
        yield running


@pytest.fixture
def id_token() -> str:
    """A JSON Web Token that is good for an hour."""
    parts = [{"alg": "none"}, {"exp": int(time.time()) + 3600}, "signature"]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def write(folder: Folder, name: str, server: StubServer, id_token: str) -> Path:
    pair = client_pair()
    prints = (
        exec_credential(clientCertificateData=pair.certificate, clientKeyData=pair.key)
        if name == "exec-certificate"
        else exec_credential(version="v1beta1", token=EXEC_TOKEN)
    )
    (folder.path / "answer").write_text(prints)
    folder.command("plugin", f"cat {folder.path}/answer")
    return folder.write(name, server.url, id_token=id_token)


def ours(path: Path) -> None:
    with Client(kubeconfig.load([path]).contexts["it"], retries=0) as client:
        client.get("/version")


def official(path: Path) -> None:
    from kubernetes import config

    api = config.new_client_from_config(config_file=str(path), context="it", persist_config=False)
    configuration, pool = api.configuration, api.rest_client.pool_manager
    header = configuration.get_api_key_with_prefix("authorization") or configuration.get_api_key_with_prefix(
        "BearerToken"
    )
    pool.request(
        "GET", f"{configuration.host}/version", headers={"Authorization": header} if header else {}, retries=False
    )
    pool.clear()


def told(seen: Seen) -> tuple[str, str | None, str | None, str | None]:
    return seen.path, seen.header("Authorization"), seen.certificate, seen.server_name


@pytest.mark.parametrize("name", EXPECTED)
def test_we_send_what_the_kubeconfig_means(name: str, folder: Folder, server: StubServer, id_token: str) -> None:
    ours(write(folder, name, server, id_token))
    path, authorization, certificate, server_name = EXPECTED[name]
    expected = authorization and authorization.replace("{id_token}", id_token)
    assert told(server.seen[0]) == (path, expected, certificate, server_name)


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
@pytest.mark.parametrize("name", EXPECTED)
def test_the_official_client_sends_the_same(name: str, folder: Folder, server: StubServer, id_token: str) -> None:
    path = write(folder, name, server, id_token)
    ours(path)
    official(path)
    mine, theirs = server.seen
    assert told(mine) == told(theirs)
