"""What a failed request or an unwanted answer means, in words that say what to do.

When requests are sent again before that is in `retrying`.
"""

from __future__ import annotations

from typing import Final

import msgspec
import urllib3
from urllib3 import exceptions as http

from airflow_provider_k8s_inventory.exceptions import (
    AnswerError,
    ExpiredError,
    ForbiddenError,
    NotServedError,
    ScopeError,
    UnauthorizedError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.kube.contexts import Context
from airflow_provider_k8s_inventory.kube.retrying import STATUSES

LONGEST_EXCERPT = 300
"""Characters of somebody else's text that an error quotes."""


class _Status(msgspec.Struct):
    """What we read of https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ objects."""

    message: str = ""
    reason: str = ""


def answered(response: urllib3.BaseHTTPResponse, context: Context, request: str, accept: str) -> ScopeError | None:
    """The error in an answer; None when it is what was asked for.

    :param request: method and path, for messages.
    :param accept: the media type that was asked for.
    """
    status, kind = response.status, response.headers.get("Content-Type", "")
    if 200 <= status < 300:
        if accept.startswith("application/json") and kind and "json" not in kind:
            return AnswerError(
                f"context {context.name!r}: {request} gave {kind.partition(';')[0]}, not JSON; "
                f"is {context.server} the API server, or a proxy or login page before it?"
            )
        return None
    said = context.redact(_said(response.data, kind))
    what = f"context {context.name!r}: {request} gave {status}{f' ({said})' if said else ''}"
    if status in STATUSES:
        tries = 1 + len(response.retries.history if response.retries else ())
        return UnreachableError(
            f"{what}, {tries} times; the API server is overloaded or not ready: the next run tries again"
        )
    error, advice = _MEANING.get(status, (AnswerError, "the API server should not answer that; see its log"))
    if 300 <= status < 400:
        advice = "redirects are not followed, as they would carry credentials elsewhere; correct the server's URL"
    if status == 401 and context.server.startswith("http://"):
        advice = "credentials are never sent over http://; use https:// in the kubeconfig"
    if status == 403 and "system:anonymous" in said:
        advice = "the context has no credentials: name a user in the kubeconfig"
    return error(f"{what}; {advice}")


_MEANING: Final[dict[int, tuple[type[ScopeError], str]]] = {
    401: (UnauthorizedError, "the token or certificate is wrong or has expired: get a new one into the kubeconfig"),
    403: (ForbiddenError, "grant the verb on the resource to this user, or leave the resource out"),
    404: (NotServedError, "the API server has no such path; perhaps the resource is not installed there"),
    410: (ExpiredError, "the snapshot is gone: the list must start again"),
}


def _said(body: bytes, kind: str) -> str:
    """What the answer says for itself: a Status's message, or the first line of plain text."""
    if "html" in kind or body.lstrip()[:1] == b"<":
        return "an HTML page: a proxy answered, not Kubernetes"
    try:
        status = msgspec.json.decode(body, type=_Status)
        text = status.message or status.reason
    except (msgspec.DecodeError, UnicodeError):
        text = body[: 4 * LONGEST_EXCERPT].decode(errors="replace")
    text = " ".join(text.split())
    text = "".join(character for character in text if character.isprintable())
    return text if len(text) <= LONGEST_EXCERPT else text[:LONGEST_EXCERPT] + "…"


def failed(error: http.HTTPError, context: Context, request: str) -> ScopeError:
    """The error of a request that got no answer, or half of one.

    :param request: method and path, for messages.
    """
    reason: Exception = error
    if isinstance(reason, http.MaxRetryError) and reason.reason:
        reason = reason.reason
    if isinstance(reason, (http.DecodeError, http.IncompleteRead)) or "Connection broken" in str(reason):
        return AnswerError(
            f"context {context.name!r}: the answer to {request} was cut off; "
            f"if it happens again, look at the proxies before {context.server}"
        )
    at = f"context {context.name!r} cannot be reached at {context.server}"
    return UnreachableError(f"{at}: {type(reason).__name__}: {context.redact(str(reason))}")
