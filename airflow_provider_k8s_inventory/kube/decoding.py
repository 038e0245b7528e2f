"""Decode an answer that is one document; lists, which may be large and odd, are decoded in `listing`."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError
from airflow_provider_k8s_inventory.kube.client import Client

_T = TypeVar("_T")


def decode(client: Client, request: str, body: bytes, type_: type[_T]) -> _T:
    """The answer as its type.

    :param request: method and path, for messages.
    :raises AnswerError: when it is something else.
    """
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerError(
            f"context {client.context.name!r}: {request}: not an answer of Kubernetes ({error}); "
            "is there a proxy in between?"
        ) from error
