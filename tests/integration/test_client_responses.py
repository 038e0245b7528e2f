"""Responses other than the one wanted become an error of ours that says what to do."""

from __future__ import annotations

import base64
import json
import time

import pytest

from airflow_provider_k8s_inventory.exceptions import (
    ExpiredError,
    ForbiddenError,
    NotServedError,
    ResponseError,
    ScopeError,
    UnauthorizedError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import Credentials, StaticCredentials
from tests.kit.kubeconfigs import authority
from tests.kit.stub_server import Response, StubServer

TOKEN = "secret-token"
STATIC = StaticCredentials(token=TOKEN)


def error_of(answer: Response, credentials: Credentials = STATIC) -> ScopeError:
    """The error that a request for pods becomes."""
    with StubServer([answer], certificates="none") as server:
        context = Context(
            name="dev", cluster_name="c", server=server.url, ca_data=authority().pem, credentials=credentials
        )
        with Client(context, retries=0) as client, pytest.raises(ScopeError) as caught:
            client.get("/api/v1/pods", {"limit": 1})
    assert str(caught.value).startswith("context 'dev': GET /api/v1/pods gave ")
    assert TOKEN not in str(caught.value)
    return caught.value


def status(code: int, message: str) -> Response:
    """As Kubernetes says it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return Response(status=code, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("code", "error", "advice"),
    [
        (301, ResponseError, "redirects are not followed"),
        (400, ResponseError, "no response of Kubernetes"),
        (401, UnauthorizedError, "the token or certificate is wrong or has expired"),
        (403, ForbiddenError, "grant the verb on the resource to this user"),
        (404, NotServedError, "the API server has no such path"),
        (406, ResponseError, "no response of Kubernetes"),
        (410, ExpiredError, "the list must start again"),
        (429, UnreachableError, "overloaded or not ready"),
        (500, UnreachableError, "the API server failed at this request: its log says more"),
        (503, UnreachableError, "overloaded or not ready"),
        (501, ResponseError, "no response of Kubernetes"),
    ],
)
def test_a_status_is_its_own_error_with_the_servers_words(code: int, error: type[ScopeError], advice: str) -> None:
    caught = error_of(status(code, "what the server says"))
    assert type(caught) is error
    assert f"gave {code} (what the server says)" in str(caught)
    assert advice in str(caught)


def test_an_anonymous_request_that_is_forbidden_needs_a_user() -> None:
    caught = error_of(status(403, 'pods is forbidden: User "system:anonymous" cannot list'), Credentials())
    assert "give the context a user" in str(caught)


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"404 page not found\n", "text/plain", "(404 page not found)"),
        (
            b"<html><body>Blocked</body></html>",
            "text/html",
            "an HTML page: something before the API server responded",
        ),
        (b"  <!DOCTYPE html>", "", "an HTML page: something before the API server responded"),
        (b"", "application/json", "gave 404; "),
        (b'{"reason": "NotFound"}', "application/json", "(NotFound)"),
        (b'{"message": 1}', "application/json", '({"message": 1})'),
        (b"[]", "application/json", "([])"),
        (b"\xff\x00 a\x1b[31m", "text/plain", "a[31m)"),
        (b"x" * 1000, "text/plain", f"({'x' * 300}…)"),
        (f"you sent {TOKEN}".encode(), "text/plain", "(you sent ***)"),
    ],
)
def test_what_the_answer_says_is_quoted_with_care(body: bytes, kind: str, said: str) -> None:
    assert said in str(error_of(Response(status=404, body=body, headers={"Content-Type": kind})))


def test_a_login_page_is_not_taken_for_a_response() -> None:
    caught = error_of(Response(body=b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}))
    assert isinstance(caught, ResponseError)
    assert "gave text/html, not JSON; is https://127.0.0.1" in str(caught)


def test_plain_text_is_fine_when_it_was_asked_for() -> None:
    with StubServer([Response(body=b"ok", headers={"Content-Type": "text/plain"})]) as server:
        context = Context(name="dev", cluster_name="c", server=server.url, ca_data=authority().pem)
        with Client(context) as client:
            assert client.get("/readyz", accept="text/plain") == b"ok"


def test_a_redirect_is_not_followed() -> None:
    with (
        StubServer() as other,
        StubServer([Response(status=302, headers={"Location": f"{other.url}/steal"})]) as server,
    ):
        context = Context(name="dev", cluster_name="c", server=server.url, ca_data=authority().pem, credentials=STATIC)
        with Client(context, retries=3) as client, pytest.raises(ResponseError, match="redirects are not followed"):
            client.get("/version")
    assert (len(server.seen), other.seen) == (1, [])


def test_an_expired_token_is_told_when_it_says_so_itself() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_000_000_000}).encode()).decode().rstrip("=")
    caught = error_of(status(401, "Unauthorized"), StaticCredentials(token=f"e30.{claims}.c2ln"))
    assert "the token expired on 2001-09-09 01:46 UTC: get a new one" in str(caught)


@pytest.mark.parametrize("claims", [{"exp": time.time() + 3600}, {"exp": 1e300}, {"exp": "soon"}, {}, []])
def test_a_token_that_has_not_expired_is_not_said_to_have(claims: object) -> None:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    caught = error_of(status(401, "Unauthorized"), StaticCredentials(token=f"e30.{payload}.c2ln"))
    assert "is wrong or has expired" in str(caught)


def test_an_expired_client_certificate_is_told() -> None:
    pair = authority().issue("jane", client=True, expired=True)
    proof = ClientCertificate(owner="it", certificate_data=pair.certificate, key_data=pair.key)
    caught = error_of(status(401, "Unauthorized"), StaticCredentials(certificate=proof))
    assert "the client certificate expired on " in str(caught)
