"""Decode an answer that is one document; lists, which may be large and odd, are decoded in `listing`."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError
from airflow_provider_k8s_inventory.kube.http.client import Client

_T = TypeVar("_T")


def decode(client: Client, request: str, body: bytes, type_: type[_T]) -> _T:
    """The answer as its type.

    :param request: method and path, for messages.
    :raises AnswerError: when it is something else.
    """
    try:
        try:
            return msgspec.json.decode(body, type=type_)
        except msgspec.ValidationError:
            return msgspec.convert(without_nulls(msgspec.json.decode(body)), type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        said = client.context.excerpt(str(error))
        raise AnswerError(
            f"context {client.context.name!r}: {request}: not an answer of Kubernetes ({said}); "
            "is there a proxy in between?",
            request=request,
        ) from None


def without_nulls(value: Any) -> Any:
    """The same without the members that are null: to Go, and so to client-go, they are absent."""
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
