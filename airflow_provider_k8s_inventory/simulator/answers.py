"""Writing an answer: whole or in pieces, compressed or not, and cut off where a fault says so.

What an answer holds is decided in `server` and rendered in `rendering`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from airflow_provider_k8s_inventory.simulator.errors import StatusError
from airflow_provider_k8s_inventory.simulator.objects import encode

_COMPRESSED_FROM: Final = 128 * 1024
"""Bytes; as the real server's: https://github.com/kubernetes/kubernetes/pull/77449"""
_GZIP: Final = 31
"""zlib's number for the gzip format with the largest window."""


@dataclass(kw_only=True)
class Answer:
    """One HTTP answer."""

    code: int = 200
    size: int
    """Of the body in bytes, before compression."""
    pieces: Iterable[bytes]
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def raw(body: bytes, code: int = 200, content_type: str = "application/json") -> Answer:
    """An answer of these bytes."""
    return Answer(code=code, size=len(body), pieces=(body,), content_type=content_type)


def document(value: Mapping[str, Any], code: int = 200, content_type: str = "application/json") -> Answer:
    """An answer of this JSON."""
    return raw(encode(value), code, content_type)


def refusal(error: StatusError) -> Answer:
    """The answer that says no."""
    return document(error.document(), error.code)


async def send(request: web.BaseRequest, answer: Answer, truncate: int | None = None) -> web.StreamResponse:
    """Write an answer.

    :param truncate: close the connection after so many bytes of the body as it is sent.
    """
    headers = {"Content-Type": answer.content_type, "Cache-Control": "no-cache, private", **answer.headers}
    response = web.StreamResponse(status=answer.code, headers=headers)
    pieces = _each(answer.pieces)
    if answer.size > _COMPRESSED_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.headers.update({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
        pieces = _compressed(answer.pieces)
    else:
        response.content_length = answer.size
    await response.prepare(request)
    left = truncate
    async for piece in pieces:
        await response.write(piece if left is None else piece[:left])
        if left is not None and (left := left - len(piece)) <= 0:
            close(request)
            return response
    await response.write_eof()
    return response


async def stream(request: web.BaseRequest, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    """Write an answer whose end is not known; each piece is sent as soon as it is there."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    async for piece in pieces:
        if piece:
            await response.write(piece)
    await response.write_eof()
    return response


def close(request: web.BaseRequest) -> None:
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


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _compressed(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    compressor = zlib.compressobj(level=1, wbits=_GZIP)
    for piece in pieces:
        yield await asyncio.to_thread(compressor.compress, piece)  # other requests go on meanwhile
    yield compressor.flush()
