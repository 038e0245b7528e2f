"""Why a context cannot be reached, and what to do: told in the words of kubeconfigs, not of libraries."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_k8s_inventory.exceptions import ResponseError, ScopeError, UnreachableError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import StaticCredentials
from tests.kit.kubeconfigs import authority
from tests.kit.kubeconfigs.authority import Authority, Pair
from tests.kit.stub_server import Response, StubServer

TOKEN = "secret-token"


def context(url: str, **fields: str) -> Context:
    known = Context(name="dev", cluster_name="c", server=url, ca_data=authority().pem)
    return dataclasses.replace(known, credentials=StaticCredentials(token=TOKEN), **fields)  # type: ignore[arg-type]


def error_of(it: Context, *, connect_timeout: float = 10, read_timeout: float = 10, retries: int = 0) -> ScopeError:
    with (
        Client(it, connect_timeout=connect_timeout, read_timeout=read_timeout, retries=retries, backoff=0) as client,
        pytest.raises(ScopeError) as caught,
    ):
        client.get("/api/v1/pods")
    assert "context 'dev'" in str(caught.value)
    assert TOKEN not in str(caught.value)
    return caught.value


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that refuses connections."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_refused_connection(closed_port: int) -> None:
    caught = error_of(context(f"https://127.0.0.1:{closed_port}"), retries=2)
    assert isinstance(caught, UnreachableError)
    assert f"cannot be reached at https://127.0.0.1:{closed_port}: connection refused; check that" in str(caught)


def test_a_name_that_does_not_resolve() -> None:
    caught = error_of(context("https://cluster.invalid"))
    assert isinstance(caught, UnreachableError)
    assert "its name does not resolve" in str(caught)


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.test"])
def test_a_name_that_is_none(host: str) -> None:
    assert isinstance(error_of(context(f"https://{host}")), UnreachableError)


def test_a_server_that_never_answers() -> None:
    with StubServer([Response(fault="silent")]) as server:
        caught = error_of(context(server.url), read_timeout=0.05)
    assert isinstance(caught, UnreachableError)
    assert "no response in time" in str(caught)


def test_a_server_that_never_greets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        caught = error_of(context(f"https://127.0.0.1:{mute.getsockname()[1]}"), connect_timeout=0.05)
    assert isinstance(caught, UnreachableError)
    assert "in time" in str(caught)


def test_a_connection_that_is_reset() -> None:
    with StubServer([Response(fault="reset")], tls=None) as server:
        caught = error_of(context(server.url))
    assert isinstance(caught, UnreachableError)
    assert "the connection was closed without a response (Connection reset by peer)" in str(caught)


@pytest.mark.parametrize("where", ["data", "file", "system"])
def test_a_certificate_of_another_authority(where: str, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(Authority("other").pem)
    with StubServer() as server:
        it = context(server.url, ca_data="", ca_file="")
        if where == "data":
            it = dataclasses.replace(it, ca_data=Authority("other").pem)
        if where == "file":
            it = dataclasses.replace(it, ca_file=str(tmp_path / "ca.crt"))
        caught = error_of(it, retries=4)
    told = {
        "data": "the certificate-authority-data of cluster 'c'",
        "file": f"the CA in {tmp_path}/ca.crt",
        "system": "any CA of this machine",
    }
    assert isinstance(caught, UnreachableError)
    assert f"it is not signed by {told[where]}; put the cluster's CA into the kubeconfig" in str(caught)
    assert "certificate verify failed" in str(caught)
    assert server.attempts == 1


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        (authority().issue("server", names=["127.0.0.1"], expired=True), "certificate verify failed: it has expired"),
        (
            authority().issue("server", names=["other.test", "10.0.0.1"]),
            "it is not for 127.0.0.1; give a name it is for as tls-server-name",
        ),
    ],
    ids=["expired", "other name"],
)
def test_a_certificate_that_is_not_good(tls: Pair, words: str) -> None:
    with StubServer(tls=tls) as server:
        caught = error_of(context(server.url))
    assert isinstance(caught, UnreachableError)
    assert words in str(caught)


def test_a_tls_server_name_that_is_not_the_servers() -> None:
    with StubServer() as server:
        caught = error_of(context(server.url, tls_server_name="other.test"))
    assert "it is not for other.test" in str(caught)


def test_a_common_name_is_no_host_name() -> None:
    with StubServer(tls=authority().issue("api.test")) as server:
        caught = error_of(context(server.url, tls_server_name="api.test"))
    assert "it is not for api.test" in str(caught)


def test_https_where_http_is_spoken() -> None:
    with StubServer(tls=None) as server:
        caught = error_of(context(server.url.replace("http://", "https://")))
    assert isinstance(caught, UnreachableError)
    assert "no TLS is spoken there" in str(caught)


def test_http_where_https_is_spoken() -> None:
    with StubServer() as server:
        caught = error_of(context(server.url.replace("https://", "http://")), read_timeout=2)
    assert isinstance(caught, UnreachableError)


def test_a_server_that_demands_a_client_certificate() -> None:
    with StubServer(certificates="required") as server:
        caught = error_of(context(server.url))
    assert "client certificate" in str(caught)


def test_a_client_certificate_that_the_server_rejects() -> None:
    pair = authority().issue("jane", client=True, expired=True)
    proof = ClientCertificate(owner="it", certificate_data=pair.certificate, key_data=pair.key)
    with StubServer() as server:
        it = dataclasses.replace(context(server.url), credentials=StaticCredentials(certificate=proof))
        caught = error_of(it)
    # In TLS 1.3 the server says so after the handshake: its words may be lost with the connection.
    assert "client certificate" in str(caught)


def test_an_authority_without_key_identifiers_is_trusted() -> None:
    """Python 3.13's default context refuses those, and many clusters have one."""
    old = Authority("old", identifiers=False)
    pair = old.issue("server", names=["127.0.0.1"])
    with StubServer(tls=pair) as server, Client(context(server.url, ca_data=old.pem)) as client:
        client.get("/version")


def test_an_authority_in_a_file_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(authority().pem)
    with StubServer() as server:
        it = dataclasses.replace(context(server.url), ca_data=None, ca_file=str(tmp_path / "ca.crt"))
        with Client(it) as client:
            client.get("/version")


def test_the_servers_own_certificate_may_be_the_authority(tmp_path: Path) -> None:
    pair = authority().issue("server", names=["127.0.0.1"])
    with StubServer(tls=pair) as server, Client(context(server.url, ca_data=pair.certificate)) as client:
        client.get("/version")


def test_half_a_response_is_none() -> None:
    with StubServer([Response(fault="cut")]) as server:
        caught = error_of(context(server.url))
    assert isinstance(caught, ResponseError)
