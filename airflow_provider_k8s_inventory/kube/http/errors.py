"""Explain a response other than the one wanted, in words that say what to do.

Requests that got no response are in `failures`; when requests are sent again after either is in `retrying`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import (
    ExpiredError,
    ForbiddenError,
    NotServedError,
    ResponseError,
    ScopeError,
    ServerError,
    UnauthorizedError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.kube.http.retrying import STATUSES, Failure
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import expiry_of

CHECK_PROXY: Final = "is there a proxy in between?"
"""The advice for a response that is none of an API server."""

_MEANING: Final[dict[int, tuple[type[ScopeError], str]]] = {
    401: (UnauthorizedError, "the token or certificate is wrong or has expired: get a new one"),
    403: (ForbiddenError, "grant the verb on the resource to this user, or leave the resource out"),
    404: (NotServedError, "the API server has no such path: the resource may not be installed"),
    410: (ExpiredError, "the snapshot is gone: the list must start again"),
}
_CUSTOM: Final = re.compile(r"/apis/(?P<group>[^/]+\.[^/]+)/[^/]+/(?:namespaces/[^/]+/)?(?P<plural>[^/?]+)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """The outcome of one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True
    """True when the body is all that was sent; of an error's only the beginning is read."""

    @property
    def kind(self) -> str:
        """The media type, with its parameters."""
        return self.headers.get("Content-Type", "")


class _Status(msgspec.Struct, frozen=True):
    """Fields of https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ objects."""

    message: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """The words of a response about itself."""

    text: str
    reason: str | None = None
    """The Status's; None: it is no Status of Kubernetes, so something before the API server may have sent it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cause:
    """The reason why a server says "not now", as far as its words tell."""

    words: str
    advice: str
    error: type[ScopeError] = UnreachableError
    retries: int | None = None


_CAUSES: Final = (
    _Cause(
        # k8s.io/apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go. It has timed out already, and
        # heals when somebody mends it.
        words="conversion webhook for",
        advice="the conversion webhook of the CustomResourceDefinition {crd} does not respond as it should, and none "
        "of its objects can be read before it does: look at spec.conversion of the definition, and at that "
        "Service's pods",
        error=ServerError,
        retries=1,
    ),
    _Cause(
        # k8s.io/apiserver/pkg/storage/value: objects in etcd that no key of the EncryptionConfiguration decrypts.
        words="unable to transform key",
        advice="the API server cannot decrypt what etcd holds: look at its EncryptionConfiguration",
        error=ServerError,
        retries=1,
    ),
    _Cause(words="etcdserver:", advice="its etcd does not respond in time: look at etcd and its disks, then try again"),
    _Cause(words="is (re)initializing", advice="the API server has just started: try again in a minute"),
    _Cause(
        words="allotted",  # "unable to return a response in the time allotted", "within the allotted timeout"
        advice="reading takes the API server longer than it allows itself: ask for less at once with page_size "
        "(--page-size), or for some namespaces only",
    ),
)


def explain(response: Response, context: Context, request: str, accept: str) -> Failure | None:
    """Explain why a response is not what was asked for; None when it is.

    :param request: method and path, for messages.
    :param accept: the media type that was asked for.
    """
    status = response.status
    if 200 <= status < 300:
        return _unwanted(response.kind, context, request, accept)
    said = _said(response, context)
    quoted = f"{status} ({said.text})" if said.text else f"{status}"
    cause = _not_now(status, said, request) if status in STATUSES else None
    error, _ = _MEANING.get(status, (ResponseError, ""))
    return Failure(
        error=cause.error if cause else error,
        what=f"context {context.name!r}: {request} gave {quoted}",
        short=quoted,
        advice=cause.advice if cause else _advice(status, said.text, context),
        retries=cause.retries if cause else 0,
        retry_after=response.headers.get("Retry-After"),
        http_status=status,
        kubernetes_reason=said.reason,
    )


def _unwanted(kind: str, context: Context, request: str, accept: str) -> Failure | None:
    if not kind or "json" not in accept or "json" in kind or ("protobuf" in kind and "protobuf" in accept):
        return None
    return Failure(
        error=ResponseError,
        what=f"context {context.name!r}: {request} gave {context.excerpt(kind.partition(';')[0])}, not JSON",
        short="not JSON",
        advice=f"is {context.server} the API server, or a proxy or login page before it?",
        retries=0,
    )


def _not_now(status: int, said: _Said, request: str) -> _Cause:
    """Find out why a server cannot serve this request now."""
    custom = _CUSTOM.search(request)
    for cause in _CAUSES:
        if cause.words in said.text:
            crd = f"{custom['plural']}.{custom['group']}" if custom else "behind it"
            return _Cause(words="", advice=cause.advice.format(crd=crd), error=cause.error, retries=cause.retries)
    if status == 429:
        advice = (
            "the API server is overloaded or not ready, or limits our requests: try again later, "
            "or with fewer max_parallel_requests (--max-parallel-requests)"
        )
    elif status == 500 and said.reason is not None:
        advice = "the API server failed at this request: its log says more; try again later"
    elif status == 503 and said.reason is None and custom:
        # kube-aggregator responds in plain text when the Service behind an APIService does not.
        advice = (
            f"if other resources of this cluster are read, the API server of the group {custom['group']} is down: "
            "look at its APIService; else the API server is overloaded or not ready: try again later"
        )
    else:
        advice = "the API server is overloaded or not ready: try again later"
    return _Cause(words="", advice=advice)


def _advice(status: int, said: str, context: Context) -> str:
    if 300 <= status < 400:
        return "redirects are not followed, as that would take credentials elsewhere; correct the server's URL"
    if status == 401 and context.server.startswith("http://"):
        return "credentials are never sent over http://; use https:// in the kubeconfig"
    if status == 401:
        return expiry_of(context.credentials) or _MEANING[status][1]
    if status == 403 and "system:anonymous" in said:
        return "nothing was sent that says who asks: give the context a user in the kubeconfig"
    if status in _MEANING:
        return _MEANING[status][1]
    return f"that is no response of Kubernetes's list API; check what serves {context.server}"


def _said(response: Response, context: Context) -> _Said:
    """Read what a response says for itself: a Status's message, or plain text."""
    body = response.body
    if "html" in response.kind or body.lstrip()[:1] == b"<":
        return _Said(text="an HTML page: something before the API server responded")
    reason: str | None = None
    try:
        status = msgspec.json.decode(body, type=_Status)
        text = status.message or status.reason or ""
        reason = context.excerpt(status.reason or "")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        text = body.decode(errors="replace")
    return _Said(text=context.excerpt(text, whole=response.whole), reason=reason)
