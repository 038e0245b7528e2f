"""Auth providers from before exec plugins: the official client gives the token, and is imported only then."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from tests.kit.kubeconfigs import authority, client_pair, encoded
from tests.kit.stub_server import StubServer


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer() as running:
        yield running


def document(server: StubServer, provider: dict[str, Any], **user: str) -> dict[str, Any]:
    return {
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {"name": "c", "cluster": {"server": server.url, "certificate-authority-data": encoded(authority().pem)}}
        ],
        "users": [{"name": "u", "user": {"auth-provider": provider} | user}],
    }


def context(server: StubServer, provider: dict[str, Any], **user: str) -> Context:
    return kubeconfig.parse(document(server, provider, **user), source="here").contexts["dev"]


def id_token(*, seconds: float) -> str:
    """A JSON Web Token that expires so much from now."""
    parts = [{"alg": "none"}, {"exp": time.time() + seconds}, "signature"]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def test_an_oidc_token_is_sent(server: StubServer) -> None:
    token = id_token(seconds=3600)
    with Client(context(server, {"name": "oidc", "config": {"id-token": token}})) as client:
        client.get("/version")
    assert server.seen[0].header("Authorization") == f"Bearer {token}"


def test_a_gcp_token_is_sent(server: StubServer) -> None:
    config = {"access-token": "gcp-token", "expiry": "2999-01-01T00:00:00Z"}
    with Client(context(server, {"name": "gcp", "config": config})) as client:
        client.get("/version")
    assert server.seen[0].header("Authorization") == "Bearer gcp-token"


def test_an_expired_gcp_token_is_fetched_by_its_command(server: StubServer) -> None:
    fresh = {"credential": {"access_token": "fresh-token", "token_expiry": "2999-01-01T00:00:00Z"}}
    config = {
        "access-token": "old-token",
        "expiry": "2020-01-01T00:00:00Z",
        "cmd-path": "/bin/echo",
        "cmd-args": json.dumps(fresh, separators=(",", ":")),
        "token-key": "{.credential.access_token}",
        "expiry-key": "{.credential.token_expiry}",
    }
    it = context(server, {"name": "gcp", "config": config})
    with Client(it) as client:
        client.get("/version")
    assert server.seen[0].header("Authorization") == "Bearer fresh-token"
    assert it.redact("fresh-token") == "***"


def test_a_client_certificate_beside_the_provider_is_presented(server: StubServer) -> None:
    certificate = {
        "client-certificate-data": encoded(client_pair().certificate),
        "client-key-data": encoded(client_pair().key),
    }
    provider = {"name": "oidc", "config": {"id-token": id_token(seconds=3600)}}
    with Client(context(server, provider, **certificate)) as client:
        client.get("/version")
    assert server.seen[0].certificate == "jane"


def test_a_token_of_the_users_own_comes_before_the_provider(server: StubServer) -> None:
    with Client(context(server, {"name": "oidc", "config": {}}, token="own-token")) as client:
        client.get("/version")
    assert server.seen[0].header("Authorization") == "Bearer own-token"


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (
            {"name": "azure", "config": {"access-token": "secret-token"}},
            "the official client does not know it any more",
        ),
        (
            {"name": "oidc", "config": {"id-token": "no.jwt"}},
            "or nobody is logged in; change the user to an exec plugin",
        ),
        ({"name": "oidc"}, "gives no token (ConfigException"),
        (
            {
                "name": "gcp",
                "config": {"cmd-path": "false", "cmd-args": "secret-token", "x-token": "secret-token"},
            },
            "gives no token (ConfigException",
        ),
    ],
)
def test_a_provider_without_a_token_is_told(server: StubServer, provider: dict[str, Any], words: str) -> None:
    with Client(context(server, provider)) as client, pytest.raises(UnauthorizedError) as caught:
        client.get("/version")
    assert str(caught.value).startswith(f"context 'dev': its auth-provider {provider['name']} ")
    assert words in str(caught.value)
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize(("provider", "imported"), [("oidc", "True"), (None, "False")])
def test_the_official_client_is_imported_by_such_a_request_only(
    server: StubServer, provider: str | None, imported: str
) -> None:
    user = {"name": provider, "config": {"id-token": id_token(seconds=3600)}} if provider else None
    text = document(server, user or {}, token="own-token" if not provider else "")
    if not provider:
        del text["users"][0]["user"]["auth-provider"]
    code = (
        "import json, sys\n"
        "from airflow_provider_k8s_inventory.kube.sources import kubeconfig\n"
        "from airflow_provider_k8s_inventory.kube.http.client import Client\n"
        "context = kubeconfig.parse(sys.stdin.read(), source='here').contexts['dev']\n"
        "before = 'kubernetes' in sys.modules\n"
        "with Client(context) as client: client.get('/version')\n"
        "print(before, 'kubernetes' in sys.modules)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(text), capture_output=True, check=True, text=True
    )
    assert found.stdout.split() == ["False", imported]


def test_nothing_global_to_the_process_is_changed(server: StubServer) -> None:
    from kubernetes import client as official

    before = official.Configuration.get_default_copy().host
    with Client(context(server, {"name": "oidc", "config": {"id-token": id_token(seconds=3600)}})) as client:
        client.get("/version")
    assert official.Configuration.get_default_copy().host == before
