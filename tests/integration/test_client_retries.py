"""Requests are sent again when that may help, a bounded number of times, and as the server asks."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from airflow_provider_k8s_inventory.exceptions import ResponseError, ScopeError, UnauthorizedError, UnreachableError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import Authentication, Credentials, StaticCredentials
from tests.kit.kubeconfigs import authority
from tests.kit.stub_server import Response, StubServer

GOOD = Response(body=b'{"good": true}')


def client(
    server: StubServer, credentials: Credentials | None = None, *, retries: int = 2, retry_after_max: float = 30
) -> Client:
    context = Context(
        name="dev",
        cluster_name="c",
        server=server.url,
        ca_data=authority().pem,
        credentials=credentials or StaticCredentials(token="secret-token"),
    )
    return Client(context, retries=retries, retry_after_max=retry_after_max, backoff=0)


@pytest.mark.parametrize(
    "responses",
    [
        [Response(status=429, headers={"Retry-After": "0"})],
        [Response(status=429, headers={"Retry-After": "soon"})],
        [Response(status=429)],
        [Response(status=500)],
        [Response(status=502, headers={"Content-Type": "text/html"})],
        [Response(status=503), Response(status=504)],
        [Response(fault="reset")],
        [Response(fault="cut")],
        [Response(fault="cut chunks")],
        [Response(fault="reset"), Response(status=500)],
    ],
    ids=lambda responses: " ".join(answer.fault or str(answer.status) for answer in responses),
)
def test_what_passes_is_waited_for(responses: Sequence[Response]) -> None:
    with StubServer([*responses, GOOD]) as server, client(server) as it:
        assert it.get("/api/v1/pods", {"limit": 5}) == GOOD.body
    assert [seen.path for seen in server.seen] == ["/api/v1/pods?limit=5"] * (len(responses) + 1)


def test_a_question_is_asked_again_too() -> None:
    with StubServer([Response(status=503), Response(fault="reset"), GOOD]) as server, client(server) as it:
        assert it.post("/reviews", b"{}") == GOOD.body
    assert [seen.body for seen in server.seen] == ["{}"] * 3


def test_the_server_says_how_long_to_wait() -> None:
    with StubServer([Response(status=429, headers={"Retry-After": "1"}), GOOD]) as server, client(server) as it:
        start = time.monotonic()
        it.get("/version")
        assert time.monotonic() - start >= 1


@pytest.mark.parametrize("after", ["86400", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_may_not_ask_for_too_long_a_wait(after: str) -> None:
    with (
        StubServer([Response(status=429, headers={"Retry-After": after}), GOOD]) as server,
        client(server, retry_after_max=0.01) as it,
    ):
        assert it.get("/version") == GOOD.body


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            Response(status=500, body=b"etcd is gone"),
            UnreachableError,
            r"500 \(etcd is gone\); .*try again later \(3 tries in \d+ s\)$",
        ),
        (Response(status=429, body=b""), UnreachableError, r"gave 429; .*\(3 tries in"),
        (Response(fault="reset"), UnreachableError, "the connection was closed without a response"),
        (Response(fault="cut"), ResponseError, "the response to GET /version was cut off"),
        (Response(fault="cut chunks"), ResponseError, "the response to GET /version was cut off"),
    ],
)
def test_what_does_not_pass_is_given_up(answer: Response, error: type[ScopeError], words: str) -> None:
    with StubServer([answer]) as server, client(server) as it, pytest.raises(error, match=words):
        it.get("/version")
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 410, 501])
def test_what_would_not_change_is_not_tried_again(status: int) -> None:
    with StubServer([Response(status=status)]) as server, client(server) as it, pytest.raises(ScopeError):
        it.get("/version")
    assert len(server.seen) == 1


def test_retries_can_be_switched_off() -> None:
    with StubServer([Response(status=503)]) as server, client(server, retries=0) as it, pytest.raises(UnreachableError):
        it.get("/version")
    assert len(server.seen) == 1


def test_a_garbled_compressed_answer_is_cut_off() -> None:
    answer = Response(body=b"not gzip at all", headers={"Content-Encoding": "gzip"})
    with StubServer([answer]) as server, client(server) as it, pytest.raises(ResponseError, match="was cut off"):
        it.get("/version")


class Renewing(Credentials):
    """A token that is another one after each 401."""

    def __init__(self) -> None:
        self.number = 1

    def authentication(self) -> Authentication:
        return Authentication(authorization=f"Bearer token-{self.number}")

    def renew(self) -> bool:
        self.number += 1
        return True


def test_credentials_are_renewed_once_after_a_401() -> None:
    with StubServer([Response(status=401), GOOD]) as server, client(server, Renewing()) as it:
        assert it.get("/version") == GOOD.body
    assert [seen.header("Authorization") for seen in server.seen] == ["Bearer token-1", "Bearer token-2"]


def test_a_second_401_is_final() -> None:
    with (
        StubServer([Response(status=401)]) as server,
        client(server, Renewing()) as it,
        pytest.raises(UnauthorizedError),
    ):
        it.get("/version")
    assert len(server.seen) == 2
