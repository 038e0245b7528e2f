"""Explain why a request got no response, in words that say what to do.

Unwanted responses are in `errors`; when requests are sent again after either is in `retrying`.
"""

from __future__ import annotations

import ssl
import traceback
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

from urllib3 import exceptions as http

from airflow_provider_k8s_inventory.exceptions import (
    ResponseError,
    ScopeError,
    UnauthorizedError,
    UnreachableError,
    released,
)
from airflow_provider_k8s_inventory.kube.http.retrying import Failure
from airflow_provider_k8s_inventory.kube.sources import proxies
from airflow_provider_k8s_inventory.kube.sources.contexts import Context

# OpenSSL's X509_V_ERR_* numbers; Python's ssl has no names for them.
# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_WRONG_NAME: Final = frozenset({62, 64})
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
_CUT_OFF: Final = ("Connection broken", "IncompleteRead", "ended prematurely", "chunk size line")
"""In urllib3's words."""
_NO_CONNECTION: Final = (http.NewConnectionError, http.ConnectTimeoutError)
_WRAPPED: Final = "Failed to establish a new connection: "
"""In urllib3's words, before what PySocks says."""
_CHECK_PROXY: Final = "check that the proxy runs, and its address in the kubeconfig's proxy-url or in HTTPS_PROXY"


def explain(error: http.HTTPError, context: Context, request: str) -> Failure:
    """Explain why a request got no response, or only a part of one.

    :param request: method and path, for messages.
    """
    reason: Exception = error
    if isinstance(reason, http.DecodeError) or any(words in str(reason) for words in _CUT_OFF):
        return Failure(
            error=ResponseError,
            what=f"context {context.name!r}: the response to {request} was cut off",
            short="the response was cut off",
            advice=f"if it happens again, look at the load balancers and proxies before {context.server}",
            retries=0 if isinstance(reason, http.DecodeError) else None,
        )
    where = f"context {context.name!r} cannot be reached at {context.server}"
    if context.proxy:
        where += f" through the proxy {proxies.shown(context.proxy)}"
    kind, why, advice = _why(reason, context)
    short = context.excerpt(why)
    hopeless = kind is UnauthorizedError or _unverified(reason)
    return Failure(error=kind, what=f"{where}: {short}", short=short, advice=advice, retries=0 if hopeless else None)


def quotable(error: Exception | None, context: Context) -> Exception | None:
    """Return an error that may be the cause of another one: logs print causes, so none may repeat a secret."""
    text = "".join(traceback.format_exception(released(error))) if error else ""
    return error if context.redact(text) == text else None


_Why = tuple[type[ScopeError], str, str]
"""The kind of the error, what happened, and what to do."""


def _why(reason: Exception, context: Context) -> _Why:
    if isinstance(reason, http.ProxyError):
        reason = reason.original_error
        if isinstance(reason, _NO_CONNECTION):  # to the proxy, that is
            return UnreachableError, _unconnected(reason)[0], _CHECK_PROXY
    if isinstance(reason, http.SSLError):
        return _tls(reason, context)
    if isinstance(reason, _NO_CONNECTION) and (context.proxy or "").startswith("socks"):
        return UnreachableError, _unconnected(reason)[0].rpartition(_WRAPPED)[2], _CHECK_PROXY
    return (UnreachableError, *_transport(reason))


def _unverified(reason: Exception) -> bool:
    """Tell if the server's certificate cannot be verified: trying again does not help."""
    if isinstance(reason, http.ProxyError):
        reason = reason.original_error
    return isinstance(reason, http.SSLError) and isinstance(reason.args[0], ssl.SSLCertVerificationError)


def _transport(reason: Exception) -> tuple[str, str]:
    """Return what happened to the connection, and what to do."""
    if isinstance(reason, http.LocationValueError):
        return str(reason), "correct the server's URL in the kubeconfig"
    if isinstance(reason, _NO_CONNECTION):
        return _unconnected(reason)
    if isinstance(reason, http.ReadTimeoutError):
        return (
            "no response in time",
            "the API server is overloaded, or something in between swallows the response",
        )
    cause = reason.args[-1] if reason.args else reason  # what urllib3 wrapped stands behind its own words
    if "Tunnel connection failed" in str(cause):
        return str(cause), "check the proxy-url's user and password, and that the proxy allows CONNECT to this port"
    if isinstance(reason, http.InvalidHeader) or (isinstance(cause, HTTPException) and not isinstance(cause, OSError)):
        return (
            f"something came that is no HTTP response ({cause})",
            "check that this is the API server's port, and look at the proxies before it",
        )
    return _closed(_said(cause))


def _unconnected(reason: Exception) -> tuple[str, str]:
    """Return why there is no connection, and what to do where it was to lead to the API server and not to a proxy."""
    if isinstance(reason, http.NameResolutionError):
        return "its name does not resolve", "check the server's URL in the kubeconfig, and this machine's DNS"
    if isinstance(reason, http.NewConnectionError):
        said = _said(reason.__cause__ or reason)
        return f"{said[:1].lower()}{said[1:]}", "check that the API server runs, and its address in the kubeconfig"
    return "no connection in time", "check firewalls, VPN, and whether this machine needs a proxy-url to get there"


def _closed(said: str) -> tuple[str, str]:
    return (
        f"the connection was closed without a response ({said})",
        "check that this is the API server's port, and that the client certificate, if there is one, is good",
    )


def _said(cause: object) -> str:
    """Quote the system's words."""
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause)


def _tls(error: http.SSLError, context: Context) -> _Why:
    """Return why there is no TLS connection, and what to do."""
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        why, advice = _verification(cause, context)
        return UnreachableError, f"certificate verify failed: {why}", advice
    if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return (UnreachableError, *_closed("end of file"))
    reason = (cause.reason if isinstance(cause, ssl.SSLError) else None) or str(cause)
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        why = f"the server does not accept the client certificate ({_words(reason)})"
        return UnauthorizedError, why, "get a new one"
    if reason in _NO_TLS:
        return UnreachableError, "no TLS is spoken there", "check the port, or use http:// in the kubeconfig"
    return UnreachableError, f"no TLS connection ({_words(reason)})", "see the API server's log"


def _verification(cause: ssl.SSLCertVerificationError, context: Context) -> tuple[str, str]:
    """Return why the server's certificate cannot be verified, and what to do."""
    if cause.verify_code == _EXPIRED:
        return "it has expired", "renew it on the cluster (or correct this machine's clock)"
    if cause.verify_code == _NOT_YET_VALID:
        return "it is not valid yet", "correct this machine's clock, or wait"
    if cause.verify_code in _WRONG_NAME:
        wanted = context.tls_server_name or urlsplit(context.server).hostname
        return f"it is not for {wanted}", "give a name it is for as tls-server-name in the kubeconfig"
    if context.ca_data:
        authority = f"the certificate-authority-data of cluster {context.cluster_name!r}"
    else:
        authority = f"the CA in {context.ca_file}" if context.ca_file else "any CA of this machine"
    return f"{cause.verify_message}: it is not signed by {authority}", "put the cluster's CA into the kubeconfig"


def _words(reason: str) -> str:
    """Write OpenSSL's constant as words."""
    return reason.lower().replace("_", " ")
