"""What a client sends: path, query, headers, and over how many connections."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_k8s_inventory import __version__
from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import StaticCredentials
from tests.kit.kubeconfigs import authority
from tests.kit.stub_server import Response, StubServer

TOKEN = "secret-token"


def context(server: StubServer, **fields: object) -> Context:
    it = Context(name="dev", cluster_name="c", server=server.url, ca_data=authority().pem)
    return dataclasses.replace(it, credentials=StaticCredentials(token=TOKEN), **fields)  # type: ignore[arg-type]


def test_a_request_says_who_asks_for_what() -> None:
    with StubServer() as server, Client(context(server)) as client:
        client.get("/api/v1/pods")
    seen = server.seen[0]
    assert (seen.method, seen.path) == ("GET", "/api/v1/pods")
    assert seen.header("Authorization") == f"Bearer {TOKEN}"
    assert seen.header("User-Agent") == f"airflow-provider-k8s-inventory/{__version__}"
    assert seen.header("Accept") == "application/json"
    assert seen.header("Accept-Encoding") == "gzip"


def test_a_query_is_quoted() -> None:
    with StubServer() as server, Client(context(server)) as client:
        client.get("/api/v1/pods", {"limit": 500, "continue": "a b+c/d=&"}, accept="application/json;as=Table")
    assert server.seen[0].path == "/api/v1/pods?limit=500&continue=a%20b%2Bc%2Fd%3D%26"
    assert server.seen[0].header("Accept") == "application/json;as=Table"


def test_the_answer_comes_as_its_bytes() -> None:
    body = b'{"kind":  "PodList", "items": []}'
    with StubServer([Response(body=body)]) as server, Client(context(server)) as client:
        assert client.get("/api/v1/pods") == body


def test_a_compressed_answer_is_unpacked() -> None:
    body = json.dumps({"items": ["x" * 100] * 1000}).encode()
    answer = Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    with StubServer([answer]) as server, Client(context(server)) as client:
        assert client.get("/api/v1/pods") == body


def test_compression_is_not_asked_for_when_the_kubeconfig_forbids_it() -> None:
    with StubServer() as server, Client(context(server, disable_compression=True)) as client:
        client.get("/version")
    assert server.seen[0].header("Accept-Encoding") in {None, "identity"}


def test_a_question_is_posted_as_json() -> None:
    body = b'{"kind": "SelfSubjectReview"}'
    with StubServer([Response(status=201)]) as server, Client(context(server)) as client:
        client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", body)
    seen = server.seen[0]
    assert (seen.method, seen.body, seen.header("Content-Type")) == ("POST", body.decode(), "application/json")


def test_many_requests_share_one_connection() -> None:
    with StubServer() as server, Client(context(server)) as client:
        for _ in range(20):
            client.get("/version")
    assert (len(server.seen), server.connections) == (20, 1)


def test_a_closed_client_opens_a_new_connection() -> None:
    with StubServer() as server:
        client = Client(context(server))
        client.get("/version")
        client.close()
        client.get("/version")
        client.close()
    assert server.connections == 2


def test_clients_of_two_contexts_share_nothing() -> None:
    """TLS that is not verified for one stays verified for the other."""
    with StubServer() as server:
        careless = dataclasses.replace(context(server), ca_data=None, insecure_skip_verify=True)
        careful = dataclasses.replace(context(server), ca_data=None)
        with Client(careless) as client:
            client.get("/version")
        with Client(careful, retries=0) as client, pytest.raises(Exception, match="certificate verify failed"):
            client.get("/version")


def test_credentials_are_never_sent_without_tls() -> None:
    with StubServer([Response(), Response(status=401)], tls=None) as server, Client(context(server)) as client:
        client.get("/version")
        with pytest.raises(UnauthorizedError, match="credentials are never sent over http://; use https://"):
            client.get("/version")
    assert server.seen[0].header("Authorization") is None


def test_acting_as_somebody_else_is_said_in_headers(tmp_path: Path) -> None:
    with StubServer() as server:
        document = {
            "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server.url, "insecure-skip-tls-verify": True}}],
            "users": [
                {
                    "name": "u",
                    "user": {
                        "token": TOKEN,
                        "as": "jäne",
                        "as-uid": "7",
                        "as-groups": ["readers", "auditors"],
                        "as-user-extra": {"Example.com/Scope %": ["a", "b"]},
                    },
                }
            ],
        }
        with Client(kubeconfig.parse(document, source="here").contexts["dev"]) as client:
            client.get("/version")
    sent = [(name, value) for name, value in server.seen[0].headers if name.startswith("Impersonate")]
    assert sent == [
        ("Impersonate-User", "jäne".encode().decode("latin-1")),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "readers"),
        ("Impersonate-Group", "auditors"),
        ("Impersonate-Extra-example.com%2Fscope%20%25", "a"),
        ("Impersonate-Extra-example.com%2Fscope%20%25", "b"),
    ]


def test_a_password_is_sent_in_utf8() -> None:
    with StubServer() as server:
        it = dataclasses.replace(context(server), credentials=StaticCredentials(username="jäne", password="pässword"))
        with Client(it) as client:
            client.get("/version")
    expected = base64.b64encode("jäne:pässword".encode()).decode()
    assert server.seen[0].header("Authorization") == f"Basic {expected}"


def test_the_client_certificate_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pair = authority().issue("jane", client=True)
    with StubServer() as server:
        document = {
            "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server.url, "insecure-skip-tls-verify": True}}],
            "users": [
                {
                    "name": "u",
                    "user": {
                        "client-certificate-data": base64.b64encode(pair.certificate.encode()).decode(),
                        "client-key-data": base64.b64encode(pair.key.encode()).decode(),
                    },
                }
            ],
        }
        with Client(kubeconfig.parse(document, source="here").contexts["dev"]) as client:
            client.get("/version")
    assert server.seen[0].certificate == "jane"
    assert list(tmp_path.iterdir()) == []


def test_importing_the_client_is_light() -> None:
    heavy = ("airflow", "kubernetes", "kubernetes_asyncio", "aiohttp", "requests", "cryptography", "socks")
    code = (
        "import sys, airflow_provider_k8s_inventory.kube.http.client\n"
        "import airflow_provider_k8s_inventory.kube.sources.kubeconfig\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "[]"
