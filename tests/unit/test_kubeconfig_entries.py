"""What cluster and user entries mean, as far as it can be seen without a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import UnusableCredentials, expiry_of
from tests.kit.kubeconfigs import authority, encoded


def context(cluster: dict[str, Any], user: dict[str, Any] | None = None) -> Context:
    document = {
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u" if user else ""}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user or {}}],
    }
    return kubeconfig.parse(document, source="here").contexts["dev"]


@pytest.mark.parametrize(
    ("cluster", "server"),
    [
        ({"server": "https://a.test"}, "https://a.test"),
        ({"server": "https://a.test:6443/"}, "https://a.test:6443"),
        ({"server": " HTTPS://a.test/k8s/clusters/c-1// "}, "https://a.test/k8s/clusters/c-1"),
        ({"server": "https://[2001:db8::1]:6443"}, "https://[2001:db8::1]:6443"),
        ({"server": "https://a.test/x?y=z#w"}, "https://a.test/x"),
        ({"server": "http://localhost:8080"}, "http://localhost:8080"),
        ({"server": "localhost:8080"}, "http://localhost:8080"),
        ({"server": "a.test", "insecure-skip-tls-verify": True}, "https://a.test"),
        ({"server": "a.test:6443", "certificate-authority": "/ca.crt"}, "https://a.test:6443"),
    ],
)
def test_the_server_is_completed_as_kubectl_completes_it(cluster: dict[str, Any], server: str) -> None:
    it = context(cluster)
    assert (it.server, it.problem) == (server, None)


def test_fields_that_nobody_knows_are_let_be() -> None:
    it = context({"server": "https://a.test", "novelty": [1]}, {"token": "token", "novelty": {"a": None}})
    assert it.credentials.authentication().authorization == "Bearer token"


def test_null_means_not_said() -> None:
    it = context(
        {"server": "https://a.test", "proxy-url": None, "insecure-skip-tls-verify": None}, {"token": None, "exec": None}
    )
    assert (it.proxy_url, it.insecure_skip_verify, it.credentials.authentication().authorization) == (None, False, None)


def test_embedded_data_may_be_folded() -> None:
    text = encoded(authority().pem)
    folded = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    assert context({"server": "https://a.test", "certificate-authority-data": folded}).ca_data == authority().pem


def test_a_token_file_comes_before_the_token_beside_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("file-token\n")
    it = context({"server": "https://a.test"}, {"token": "own-token", "tokenFile": str(tmp_path / "token")})
    assert it.credentials.authentication().authorization == "Bearer file-token"


@pytest.mark.parametrize("content", [None, "", "\n", "two words"])
def test_the_token_counts_when_the_file_has_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    it = context({"server": "https://a.test"}, {"token": "own-token", "tokenFile": str(tmp_path / "token")})
    assert it.credentials.authentication().authorization == "Bearer own-token"


@pytest.mark.parametrize(("content", "why"), [("", "it holds no token"), ("two words", "it holds no token")])
def test_a_token_file_without_a_token_is_told(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "token").write_text(content)
    it = context({"server": "https://a.test"}, {"tokenFile": str(tmp_path / "token")})
    with pytest.raises(UnauthorizedError, match=f"the token file {tmp_path}/token cannot be used: {why}"):
        it.credentials.authentication()
    assert it.secrets() == ()


def test_credentials_that_cannot_be_had_say_nothing_of_their_expiry() -> None:
    assert expiry_of(UnusableCredentials("no")) is None
