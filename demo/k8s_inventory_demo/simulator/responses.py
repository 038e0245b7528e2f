"""The writing of a response: whole or in pieces, compressed or not, and cut off where a fault says so.

What a response holds is decided in `server` and rendered in `rendering`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import zlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from k8s_inventory_demo.simulator.errors import StatusError
from k8s_inventory_demo.simulator.faults import Fault
from k8s_inventory_demo.simulator.objects import encode

_COMPRESSED_FROM: Final = 128 * 1024
"""Bytes; as the real server's: https://github.com/kubernetes/kubernetes/pull/77449"""
_GZIP: Final = 31
"""zlib's number for the gzip format with the largest window."""
_REASONS: Final[Mapping[int, str]] = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(kw_only=True)
class Response:
    """One HTTP response."""

    code: int = 200
    size: int | None
    """Of the body in bytes, before compression; ``None`` when its end is not known, as a watch's."""
    pieces: AsyncGenerator[bytes]
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def raw(body: bytes, code: int = 200, content_type: str = "application/json") -> Response:
    """Make a response of these bytes."""
    return Response(code=code, size=len(body), pieces=_each((body,)), content_type=content_type)


def pieces(size: int, parts: Iterable[bytes], content_type: str = "application/json") -> Response:
    """Make a response that is written while it is sent."""
    return Response(size=size, pieces=_each(parts), content_type=content_type)


def endless(parts: AsyncGenerator[bytes]) -> Response:
    """Make a response that goes on until it is over."""
    return Response(size=None, pieces=parts)


def document(value: Mapping[str, Any], code: int = 200, content_type: str = "application/json") -> Response:
    """Make a response of this JSON."""
    return raw(encode(value), code, content_type)


def refusal(error: StatusError) -> Response:
    """Make the response that says no."""
    if not error.reason:
        return raw(error.message.encode(), error.code, "text/plain; charset=utf-8")
    response = document(error.document(), error.code)
    if seconds := (error.details or {}).get("retryAfterSeconds"):
        response.headers["Retry-After"] = str(seconds)
    return response


def failure(fault: Fault) -> Response:
    """Make the response that a fault gives instead of the server."""
    code = fault.status or 200
    if fault.body is not None:
        response = raw(fault.body, code)
    else:
        phrase = HTTPStatus(code).phrase
        response = refusal(StatusError(code, _REASONS.get(code, phrase.replace(" ", "")), phrase))
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


async def send(request: web.BaseRequest, response: Response, truncate: int | None = None) -> web.StreamResponse:
    """Write a response.

    :param truncate: close the connection after so many bytes of the body as it is sent.
    """
    headers = {"Content-Type": response.content_type, "Cache-Control": "no-cache, private", **response.headers}
    stream = web.StreamResponse(status=response.code, headers=headers)
    body = response.pieces
    if response.size is None:
        stream.enable_chunked_encoding()
    elif response.size > _COMPRESSED_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        stream.headers.update({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
        body = _compressed(body)
    else:
        stream.content_length = response.size
    left = truncate
    # Closing ends a watch at once, also when its client has gone.
    async with contextlib.aclosing(body):
        await stream.prepare(request)
        async for piece in body:
            await stream.write(piece if left is None else piece[:left])
            if left is not None and (left := left - len(piece)) <= 0:
                _close(request)
                return stream
    await stream.write_eof()
    return stream


def _close(request: web.BaseRequest) -> None:
    """End the connection in the middle of whatever it is doing."""
    if request.transport is not None:
        request.transport.close()


def reset(request: web.BaseRequest) -> None:
    """End the connection so that the client's system says that the peer reset it."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        # Closing a socket that lingers for zero seconds sends RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


async def _each(parts: Iterable[bytes]) -> AsyncGenerator[bytes]:
    for piece in parts:
        yield piece


async def _compressed(parts: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    compressor = zlib.compressobj(level=1, wbits=_GZIP)
    async for piece in parts:
        yield await asyncio.to_thread(compressor.compress, piece)  # other requests go on meanwhile
    yield compressor.flush()
