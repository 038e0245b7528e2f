"""Tell over HTTP how a process that runs on is: GET /healthz, and GET /readyz with what is not ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

_SECONDS: Final = 5
"""Seconds that a request may take to come."""
_STATUS: Final = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}

Ready = Callable[[], tuple[bool, dict[str, Any]]]
"""Tells whether the process is ready, and more of it for people."""


@asynccontextmanager
async def serving(port: int | None, ready: Ready) -> AsyncIterator[None]:
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
                writer.write(_response(first.decode("latin-1").split(" ")[1:2], ready))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, port=port):
        yield


def _response(path: list[str], ready: Ready) -> bytes:
    is_ready, more = ready()
    if path == ["/healthz"]:
        status, said = 200, {"status": "ok"}
    elif path == ["/readyz"]:
        status, said = 200 if is_ready else 503, more
    else:
        status, said = 404, {"status": "there are /healthz and /readyz"}
    body = msgspec.json.encode(said)
    head = f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
