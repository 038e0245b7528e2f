"""Tell over HTTP how a process that runs on is: GET /healthz, /readyz with what is not ready, and /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec

_SECONDS: Final = 5
"""Seconds that a request may take to come."""
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
_STATUS: Final = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The functions that tell how the process is, each at the time of the request."""

    ready: Callable[[], tuple[bool, dict[str, Any]]]
    """Whether it is ready, and more of it for people."""
    metrics: Callable[[], str]
    """Its metrics, as Prometheus' text."""


@asynccontextmanager
async def serving(port: int | None, told: Told) -> AsyncIterator[None]:
    """Serve for the length of the block.

    :param port: the port, on all addresses; None: serve nothing.
    :raises OSError: when it is taken.
    """
    if port is None:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                first = await reader.readuntil(b"\r\n")
                while await reader.readuntil(b"\r\n") != b"\r\n":
                    pass
                writer.write(_response(first.decode("latin-1").split(" ")[1:2], told))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, port=port):
        yield


def _response(path: list[str], told: Told) -> bytes:
    if path == ["/metrics"]:
        return _encoded(200, _PROMETHEUS, told.metrics().encode())
    if path == ["/healthz"]:
        status, said = 200, {"status": "ok"}
    elif path == ["/readyz"]:
        is_ready, said = told.ready()
        status = 200 if is_ready else 503
    else:
        status, said = 404, {"status": "there are /healthz, /readyz and /metrics"}
    return _encoded(status, "application/json", msgspec.json.encode(said))


def _encoded(status: int, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
