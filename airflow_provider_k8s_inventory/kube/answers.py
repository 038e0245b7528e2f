"""What an answer other than the one wanted means, in words that say what to do.

Requests that got no answer are in `failures`; when requests are sent again before either is in `retrying`.
"""

from __future__ import annotations

from typing import Final

import msgspec
import urllib3

from airflow_provider_k8s_inventory.exceptions import (
    AnswerError,
    ExpiredError,
    ForbiddenError,
    NotServedError,
    ScopeError,
    UnauthorizedError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.kube import expiry
from airflow_provider_k8s_inventory.kube.contexts import Context
from airflow_provider_k8s_inventory.kube.retrying import STATUSES

LONGEST_EXCERPT: Final = 300
"""Characters of somebody else's text that an error quotes."""
_MEANING: Final[dict[int, tuple[type[ScopeError], str]]] = {
    401: (UnauthorizedError, "the token or certificate is wrong or has expired: get a new one"),
    403: (ForbiddenError, "grant the verb on the resource to this user, or leave the resource out"),
    404: (NotServedError, "the API server has no such path: the resource may not be installed"),
    410: (ExpiredError, "the snapshot is gone: the list must start again"),
}


class _Status(msgspec.Struct, frozen=True):
    """What we read of https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ objects."""

    message: str = ""
    reason: str = ""


def problem(response: urllib3.BaseHTTPResponse, context: Context, request: str, accept: str) -> ScopeError | None:
    """The error in an answer; None when it is what was asked for.

    :param request: method and path, for messages.
    :param accept: the media type that was asked for.
    """
    status, kind = response.status, response.headers.get("Content-Type", "")
    if 200 <= status < 300:
        return _unwanted(context, request, kind, accept)
    said = context.redact(_said(response.data, kind))
    what = f"context {context.name!r}: {request} gave {status}{f' ({said})' if said else ''}"
    if status in STATUSES:
        tries = 1 + len(response.retries.history if response.retries else ())
        return UnreachableError(f"{what} at try {tries}; the API server is overloaded or not ready: try again later")
    error, _ = _MEANING.get(status, (AnswerError, ""))
    return error(f"{what}; {_advice(status, said, context)}")


def _unwanted(context: Context, request: str, kind: str, accept: str) -> AnswerError | None:
    if not kind or "json" not in accept or "json" in kind or ("protobuf" in kind and "protobuf" in accept):
        return None
    return AnswerError(
        f"context {context.name!r}: {request} gave {kind.partition(';')[0]}, not JSON; "
        f"is {context.server} the API server, or a proxy or login page before it?"
    )


def _advice(status: int, said: str, context: Context) -> str:
    if 300 <= status < 400:
        return "redirects are not followed, as that would take credentials elsewhere; correct the server's URL"
    if status == 401 and context.server.startswith("http://"):
        return "credentials are never sent over http://; use https:// in the kubeconfig"
    if status == 401:
        return expiry.note(context.credentials) or _MEANING[status][1]
    if status == 403 and "system:anonymous" in said:
        return "nothing was sent that says who asks: give the context a user in the kubeconfig"
    if status in _MEANING:
        return _MEANING[status][1]
    return f"that is no answer of Kubernetes's list API; check what serves {context.server}"


def _said(body: bytes, kind: str) -> str:
    """What the answer says for itself: a Status's message, or plain text."""
    if "html" in kind or body.lstrip()[:1] == b"<":
        return "an HTML page: something before the API server answered"
    try:
        status = msgspec.json.decode(body, type=_Status)
        text = status.message or status.reason
    except (msgspec.MsgspecError, UnicodeError):
        text = body[: 4 * LONGEST_EXCERPT].decode(errors="replace")
    text = " ".join(text.split())
    text = "".join(character for character in text if character.isprintable())
    return text if len(text) <= LONGEST_EXCERPT else f"{text[:LONGEST_EXCERPT]}…"
