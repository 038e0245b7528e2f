"""Read the body of a response within bounds, and decode one that is a single document.

Lists, which may be large and hold odd objects, are decoded in `listing` and `metadata`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import msgspec
import urllib3

from airflow_provider_k8s_inventory.exceptions import ResponseError
from airflow_provider_k8s_inventory.kube.http.bounds import Bound
from airflow_provider_k8s_inventory.kube.http.errors import CHECK_PROXY
from airflow_provider_k8s_inventory.kube.sources.contexts import Context

_T = TypeVar("_T")

PIECE: Final = 256 << 10
"""Bytes read at once, decoded: a compressed body that expands to gigabytes takes no more before it is given up."""


def arriving(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Yield pieces of the body as they come, decoded."""
    if response.chunked:
        return response.stream(PIECE, decode_content=True)
    # `stream` would wait until a piece is full. For chunks this takes three times as long.
    return iter(lambda: response.read1(PIECE, decode_content=True), b"")


def read(response: urllib3.BaseHTTPResponse, most: int, bound: Bound) -> tuple[bytes, bool]:
    """Return the body, and whether that is all of it; close the connection when there is more.

    :param most: bytes to read.
    :param bound: the time of the request, which bytes may prolong.
    """
    buffer, size = io.BytesIO(), 0
    for piece in arriving(response):
        size += len(piece)
        bound.bytes = size
        buffer.write(piece[: max(0, most + len(piece) - size)])
        if size > most:
            response.close()
            return buffer.getvalue(), False
    response.release_conn()  # urllib3 itself releases it only where a body was read
    return buffer.getvalue(), True


@contextmanager
def closing(response: urllib3.BaseHTTPResponse) -> Iterator[None]:
    """Close the connection when the block fails: nobody reads the rest of the response."""
    try:
        yield
    except BaseException:
        response.close()
        raise


def decode(body: bytes, type_: type[_T], context: Context, request: str) -> _T:
    """Decode one document.

    :param context: its context, for messages.
    :param request: method and path, for messages.
    :raises ResponseError: when it is not of the type.
    """
    try:
        try:
            return msgspec.json.decode(body, type=type_)
        except msgspec.ValidationError:
            return msgspec.convert(without_nulls(msgspec.json.decode(body)), type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ResponseError(
            f"context {context.name!r}: {request}: not a response of Kubernetes ({context.excerpt(str(error))})",
            advice=CHECK_PROXY,
            request=request,
        ) from None


def without_nulls(value: Any) -> Any:
    """Return the value without the members that are null: to Go, and so to client-go, they are absent."""
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
