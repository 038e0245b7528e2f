"""Clients behind a proxy: the kubeconfig's, or the environment's."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec

import pytest

from airflow_provider_k8s_inventory.exceptions import UnreachableError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import StaticCredentials
from tests.kit.kubeconfigs import authority
from tests.kit.kubeconfigs.proxy import Proxy
from tests.kit.stub_server import StubServer

PASSWORD = "p@ss word"


def context(server: StubServer, proxy_url: str | None = None) -> Context:
    """A cluster with a name that only the proxy can resolve."""
    return Context(
        name="dev",
        cluster_name="c",
        server=f"https://api.test:{server.port}",
        ca_data=authority().pem,
        proxy_url=proxy_url,
        credentials=StaticCredentials(token="secret-token"),
    )


def test_the_proxy_of_the_kubeconfig_is_taken() -> None:
    with Proxy() as proxy, StubServer() as server:
        with Client(context(server, f"http://{proxy.address}")) as client:
            client.get("/version")
            client.get("/version")
        assert proxy.tunnels == [f"api.test:{server.port}"]
        assert [seen.server_name for seen in server.seen] == ["api.test"] * 2
        assert server.seen[0].header("Authorization") == "Bearer secret-token"


def test_the_proxy_may_be_spoken_to_over_tls() -> None:
    """client-go trusts the cluster's authority there too."""
    with Proxy(tls=True) as proxy, StubServer() as server:
        with Client(context(server, f"https://{proxy.address}")) as client:
            client.get("/version")
        assert proxy.tunnels == [f"api.test:{server.port}"]


def test_the_proxy_gets_its_own_password_and_nothing_else() -> None:
    with Proxy(f"jane:{PASSWORD}") as proxy, StubServer() as server:
        with Client(context(server, f"http://jane:p%40ss%20word@{proxy.address}")) as client:
            client.get("/version")
        assert "authorization" not in proxy.headers[0]
        assert "proxy-authorization" not in dict(server.seen[0].headers)


def test_a_wrong_password_is_told_without_showing_it() -> None:
    with Proxy(f"jane:{PASSWORD}") as proxy, StubServer() as server:
        it = context(server, f"http://jane:wrong-word@{proxy.address}")
        with Client(it, retries=0) as client, pytest.raises(UnreachableError) as caught:
            client.get("/version")
    assert f"through the proxy http://{proxy.address}: Tunnel connection failed: 407" in str(caught.value)
    assert "wrong-word" not in str(caught.value)


def test_the_password_of_the_environments_proxy_is_not_shown_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(f"jane:{PASSWORD}") as proxy, StubServer() as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://jane:wrong%2Fword@{proxy.address}")
        with Client(context(server), retries=0) as client, pytest.raises(UnreachableError) as caught:
            client.get("/version")
    assert "Tunnel connection failed: 407 not for ***" in str(caught.value)
    assert not any(text in str(caught.value) for text in ("wrong/word", "wrong%2Fword", "d3Jvbmcvd29y"))


def test_a_proxy_that_is_not_there_is_told() -> None:
    with Proxy() as proxy:
        address = proxy.address
    with StubServer() as server, Client(context(server, f"http://{address}"), retries=0) as client:
        words = f"through the proxy http://{address}: connection refused; check that the proxy runs, and its address"
        with pytest.raises(UnreachableError, match=words):
            client.get("/version")


def test_a_proxy_whose_name_does_not_resolve_is_told() -> None:
    with StubServer() as server, Client(context(server, "http://no-such-proxy.invalid:3128"), retries=0) as client:
        words = "http://no-such-proxy.invalid:3128: its name does not resolve; check that the proxy runs"
        with pytest.raises(UnreachableError, match=words):
            client.get("/version")


def test_the_environments_proxy_is_taken_when_the_kubeconfig_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as proxy, StubServer() as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        with Client(context(server)) as client:
            client.get("/version")
        assert proxy.tunnels == [f"api.test:{server.port}"]


def test_the_kubeconfigs_proxy_comes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "*")
    with Proxy() as proxy, StubServer() as server:
        with Client(context(server, f"http://{proxy.address}")) as client:
            client.get("/version")
        assert len(proxy.tunnels) == 1


def test_this_machine_is_reached_without_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with StubServer() as server:
        with Client(dataclasses.replace(context(server), server=server.url)) as client:
            client.get("/version")
        assert len(server.seen) == 1


@pytest.mark.skipif(find_spec("socks") is not None, reason="PySocks is installed")
def test_a_socks_proxy_needs_pysocks() -> None:
    it = Context(name="dev", cluster_name="c", server="https://a.test", proxy_url="socks5://127.0.0.1:1080")
    with Client(it) as client, pytest.raises(UnreachableError, match="pip install PySocks"):
        client.get("/version")
