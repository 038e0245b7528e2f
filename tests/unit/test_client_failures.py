"""The words for failures that no server of a test can be made to cause."""

from __future__ import annotations

import ssl
from http.client import BadStatusLine, LineTooLong, RemoteDisconnected

import pytest
from urllib3 import exceptions as http
from urllib3.connection import HTTPConnection

from airflow_provider_k8s_inventory.exceptions import ResponseError, ScopeError, UnauthorizedError, UnreachableError
from airflow_provider_k8s_inventory.kube.http.failures import explain, quotable
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import StaticCredentials

CONNECTION = HTTPConnection("a.test")


def new_connection_error(cause: OSError) -> http.NewConnectionError:
    """As urllib3 raises it."""
    error = http.NewConnectionError(CONNECTION, f"Failed to establish a new connection: {cause}")
    error.__cause__ = cause
    return error


def tls(reason: str) -> http.SSLError:
    cause = ssl.SSLError(1, f"[SSL: {reason}] words (_ssl.c:1)")
    cause.reason = reason
    return http.SSLError(cause)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (http.ConnectTimeoutError(CONNECTION, "timed out"), UnreachableError, "no connection in time; check firewalls"),
        (new_connection_error(OSError(113, "No route to host")), UnreachableError, "no route to host; check that the"),
        (http.ProtocolError("aborted", BadStatusLine("SSH-2.0")), UnreachableError, "no HTTP response (SSH-2.0); "),
        (http.ProtocolError("aborted", LineTooLong("header line")), UnreachableError, "no HTTP response (got more"),
        (http.InvalidHeader("two lengths"), UnreachableError, "no HTTP response (two lengths)"),
        (http.ProtocolError("aborted", RemoteDisconnected("end")), UnreachableError, "closed without a response (end)"),
        (http.ProtocolError("Connection broken: IncompleteRead(1 bytes read)"), ResponseError, "was cut off"),
        (http.DecodeError("gzip"), ResponseError, "was cut off"),
        (tls("SSLV3_ALERT_CERTIFICATE_EXPIRED"), UnauthorizedError, "(sslv3 alert certificate expired); get a new one"),
        (tls("TLSV1_ALERT_UNKNOWN_CA"), UnauthorizedError, "does not accept the client certificate"),
        (tls("TLSV1_ALERT_INTERNAL_ERROR"), UnreachableError, "no TLS connection (tlsv1 alert internal error)"),
        (tls("WRONG_VERSION_NUMBER"), UnreachableError, "no TLS is spoken there"),
        (http.SSLError(ssl.SSLEOFError(8, "EOF")), UnreachableError, "closed without a response (end of file)"),
        (http.SSLError("something"), UnreachableError, "no TLS connection (something)"),
        (http.ProxyError("Unable to connect", OSError(111, "Connection refused")), UnreachableError, "refused"),
        (http.LocationParseError("a..b"), UnreachableError, "Failed to parse: a..b; correct the server"),
    ],
)
def test_the_words_for_a_failure(error: http.HTTPError, kind: type[ScopeError], words: str) -> None:
    context = Context(name="dev", cluster_name="c", server="https://a.test")
    caught = explain(error, context, "GET /version").exception("GET /version")
    assert type(caught) is kind
    assert words in str(caught)
    assert "context 'dev'" in str(caught)


def test_a_certificate_of_tomorrow_points_to_the_clock() -> None:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_code, cause.verify_message = 9, "certificate is not yet valid"
    context = Context(name="dev", cluster_name="c", server="https://a.test")
    assert "correct this machine's clock" in explain(http.SSLError(cause), context, "GET /version").advice


def test_an_error_that_repeats_a_secret_is_no_cause_that_a_log_prints() -> None:
    context = Context(name="it", cluster_name="it", server="", credentials=StaticCredentials(token="a-long-token"))
    harmless, telling = http.ProtocolError("aborted"), http.ProtocolError("aborted")
    telling.__cause__ = BadStatusLine("a-long-token")
    assert quotable(harmless, context) is harmless
    assert quotable(telling, context) is None
