"""A request ends: none takes longer than it may in any of its phases, and none brings more than it may."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_k8s_inventory.exceptions import (
    ForbiddenError,
    ScopeError,
    SlowError,
    TooLargeError,
    UnprovenError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.kube import watching
from airflow_provider_k8s_inventory.kube.http import bounds
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from tests.kit.raw_server import RawServer, response
from tests.kit.stub_server import Response, StubServer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MB = 1 << 20


def serving(*beginning: bytes, then: bytes) -> RawServer:
    """A server that begins as it should, and then sends the same bytes again and again."""

    def pieces(request: str) -> Iterator[bytes]:
        return itertools.chain(beginning, server.drip(then))

    server = RawServer(pieces)
    return server


@pytest.mark.parametrize(
    ("beginning", "then"),
    [
        (CHUNKED, b"1\r\n \r\n"),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
        (HEAD + b"\r\n", b" "),
        (b"", b"H"),
        (HEAD + b"X-Slow: ", b"x"),
        (HEAD, b"X: y\r\n"),
        (CHUNKED + b"1;", b"x"),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b""),
    ],
    ids=["chunks", "length", "to the end", "status", "header", "headers", "chunk size", "error", "continue", "silence"],
)
def test_what_comes_byte_by_byte_is_given_up(beginning: bytes, then: bytes) -> None:
    with serving(beginning, then=then) as server, Client(server.context, request_timeout=0.5) as client:
        with pytest.raises(UnreachableError, match=r"context 'dev': the response to GET /api did not come within"):
            client.get("/api")
        assert server.closed.wait(10)
    assert server.requests == ["GET /api"]


def test_a_handshake_that_does_not_end_is_given_up() -> None:
    with serving(then=b"\x16\x03\x01") as server:
        context = Context(name="dev", cluster_name="c", server=server.url.replace("http://", "https://"))
        with Client(context, request_timeout=0.5, retries=0) as client, pytest.raises(UnreachableError):
            client.get("/api")


def test_what_comes_fast_enough_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SLOWEST", 1000)

    def pieces(request: str) -> Iterator[bytes]:
        yield HEAD + b"Content-Length: 20000\r\n\r\n"
        yield from itertools.islice(server.drip(b" " * 1000), 20)

    with RawServer(pieces) as server, Client(server.context, request_timeout=0.5) as client:
        assert len(client.get("/api")) == 20_000


def test_no_try_begins_when_the_time_is_over() -> None:
    answer = Response(status=429, headers={"Retry-After": "86400"})
    with StubServer([answer], tls=None) as server:
        context = Context(name="dev", cluster_name="c", server=server.url)
        with (
            Client(context, request_timeout=5) as client,
            pytest.raises(UnreachableError, match=r"\(1 try in 0 s; the server asked for 86400 s\)$"),
        ):
            client.get("/api")
    assert len(server.seen) == 1


def bomb(size: int) -> bytes:
    """A response of so many bytes, compressed."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = b" " * MB
    packed = b"".join([packer.compress(b"["), *(packer.compress(block) for _ in range(size // MB)), packer.flush()])
    return response(packed, "Content-Encoding: gzip")


def endless(server: Callable[[], RawServer]) -> Iterator[bytes]:
    yield CHUNKED
    while not server().over.is_set():
        yield b"10000\r\n" + b" " * 0x10000 + b"\r\n"


def test_a_body_that_expands_is_given_up_at_the_limit() -> None:
    with RawServer(lambda _: iter([bomb(100 * MB)])) as server, Client(server.context) as client:
        with pytest.raises(TooLargeError) as caught:
            client.get("/version")
        with pytest.raises(TooLargeError, match="more than 65536 KiB"):
            client.get("/api/v1/pods", most=1 << 40)
    assert "context 'dev': the response to GET /version has more than 16384 KiB (decoded)" in str(caught.value)
    assert "page_size (--page-size)" in str(caught.value)


def test_a_body_that_does_not_end_is_given_up_at_the_limit() -> None:
    with RawServer(lambda _: endless(lambda: server)) as server, Client(server.context) as client:
        with pytest.raises(TooLargeError):
            client.get("/version")
        assert server.closed.wait(10)


def test_of_a_large_error_the_beginning_is_read() -> None:
    body = b'{"kind":"Status","message":"' + b"go away " * MB + b'"}'
    large = response(gzip.compress(body), "Content-Encoding: gzip", status="403 Forbidden")
    with (
        RawServer(lambda _: iter([large])) as server,
        Client(server.context) as client,
        pytest.raises(ForbiddenError, match="go away go away") as caught,
    ):
        client.get("/api")
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        (b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}\n', UnprovenError, "no bookmark proves"),
        (b"", UnprovenError, "no bookmark proves"),
        (b"x" * MB, TooLargeError, "an event of more than 16 MiB"),
    ],
    ids=["bookmarks that never reach", "silence", "a line that grows"],
)
def test_a_watch_ends(line: bytes, error: type[ScopeError], words: str) -> None:
    chunk = b"%x\r\n%s\r\n" % (len(line), line) if line else b""

    def pieces(request: str) -> Iterator[bytes]:
        return itertools.chain([CHUNKED], server.drip(chunk, 0.01))

    with RawServer(pieces) as server, Client(server.context) as client, pytest.raises(error, match=words):
        list(watching.changes(client, "/api/v1/pods", since="1", until="2", seconds=2))


def test_the_time_of_a_watch_stands_still_while_its_caller_works() -> None:
    lines = [
        b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"2"}}}\n',
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"3"}}}\n',
    ]
    parts = [CHUNKED, *(b"%x\r\n%s\r\n" % (len(line), line) for line in lines)]
    with RawServer(lambda _: iter(parts)) as server, Client(server.context) as client:
        pieces = watching.changes(client, "/api/v1/pods", since="1", until="3", seconds=0.5)
        assert next(pieces).resource_version is None
        server.over.wait(1)  # the caller is slow
        assert [piece.resource_version for piece in pieces] == ["3"]


def test_the_error_says_what_was_asked_for() -> None:
    with (
        RawServer(lambda _: iter([response(b'{"reason":"Gone","message":"m"}', status="410 Gone")])) as server,
        Client(server.context) as client,
        pytest.raises(ScopeError) as caught,
    ):
        client.get("/api/v1/pods")
    error = caught.value
    assert (error.http_status, error.kubernetes_reason, error.request) == (410, "Gone", "GET /api/v1/pods")


def test_slow_is_a_kind_of_unreachable() -> None:
    assert SlowError("it").status == "unreachable"
