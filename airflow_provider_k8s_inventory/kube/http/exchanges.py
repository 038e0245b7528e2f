"""Send one request until it succeeds or there is no hope, within its time, and such that another thread can end it.

What unwanted responses and failures mean is in `errors` and `failures`, how long a request may take in `bounds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

import urllib3
from urllib3.exceptions import HTTPError

from airflow_provider_k8s_inventory.exceptions import SlowError, UnreachableError, released
from airflow_provider_k8s_inventory.kube import stopping
from airflow_provider_k8s_inventory.kube.http import bodies, errors, failures
from airflow_provider_k8s_inventory.kube.http.bounds import Bound
from airflow_provider_k8s_inventory.kube.http.errors import Response
from airflow_provider_k8s_inventory.kube.http.lines import Line
from airflow_provider_k8s_inventory.kube.http.requests import Request
from airflow_provider_k8s_inventory.kube.http.retrying import Failure, RetryPolicy, Tries
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import Authentication

ERROR_BYTES: Final = 1 << 20
"""Bytes that are read of a response that is an error: its first words say why."""

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One request, and what it is sent with."""

    context: Context
    request: Request
    bound: Bound
    """The time it has."""
    line: Line
    """Its socket, for whoever ends it."""
    policy: RetryPolicy
    connections: Callable[[ClientCertificate | None], urllib3.PoolManager]
    """Gives the connections that present a certificate."""
    connect_timeout: float
    read_timeout: float

    def perform(self, take: Callable[[urllib3.BaseHTTPResponse], _T]) -> _T:
        """Send the request until it succeeds or there is no hope; after a 401 once more with renewed credentials.

        :param take: reads a response that was asked for.
        :raises ScopeError: as `Client.get`.
        """
        context, request = self.context, str(self.request)
        tries, renewed = Tries(self.policy, self.bound, f"context {context.name!r}: {request}"), False
        while True:
            cause: HTTPError | None = None
            try:
                response = self._send()
                with bodies.closing(response):
                    failure = self._failure(response)
                    taken = None if failure else take(response)
                if failure:
                    response.close()  # it may not have been read to its end
                self._check()
                if not failure:
                    return taken  # type: ignore[return-value]  # what `take` gave
            except HTTPError as error:
                self._check()
                failure, cause = failures.explain(error, context, request), released(error)
            if failure.http_status == 401 and not renewed and context.credentials.renew():
                renewed = True
            elif not tries.again(failure):
                raise failure.exception(request, tries.said()) from failures.quotable(cause, context)

    def pieces(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """Yield the pieces of a response as they come; the time that the caller takes for each does not count.

        :raises ScopeError: as `Client.stream`.
        """
        pieces = bodies.arriving(response)
        while True:
            try:
                piece = next(pieces, None)
            except HTTPError as error:
                self._check()
                failure = failures.explain(error, self.context, str(self.request))
                raise failure.exception(str(self.request)) from failures.quotable(error, self.context)
            self._check()
            if not piece:
                return
            self.bound.bytes += len(piece)
            self.bound.pause()
            yield piece
            self.bound.go_on()

    def _send(self) -> urllib3.BaseHTTPResponse:
        if self.context.problem:
            raise UnreachableError(self.context.problem)
        with self.bound.paused():  # a command may ask a person to log in
            authentication = self._authentication()
            stopping.current().check()
        left = max(0.01, self.bound.left)
        with self.line.using():
            return self.connections(authentication.certificate).urlopen(
                self.request.method,
                self.context.server + self.request.target,
                body=self.request.body,
                headers=self.request.headers(self.context, authentication.authorization),
                timeout=urllib3.Timeout(connect=min(self.connect_timeout, left), read=min(self.read_timeout, left)),
                retries=False,
                redirect=False,
                preload_content=False,
            )

    def _authentication(self) -> Authentication:
        # Over http:// no credentials are sent; kubectl sends none either.
        return self.context.credentials.authentication() if self.context.is_tls else Authentication()

    def _failure(self, response: urllib3.BaseHTTPResponse) -> Failure | None:
        good = 200 <= response.status < 300
        body, whole = (b"", True) if good else bodies.read(response, ERROR_BYTES, self.bound)
        got = Response(status=response.status, headers=response.headers, body=body, whole=whole)
        return errors.explain(got, self.context, str(self.request), self.request.accept)

    def _check(self) -> None:
        """Check that nobody cut the line: a response without a length would look complete.

        :raises Stopped: whoever asked has left.
        :raises SlowError: its time is over.
        """
        stopping.current().check()
        bound = self.bound
        if bound.broken:
            came = f"only {bound.bytes} bytes of it" if bound.bytes else "nothing of it"
            raise SlowError(
                f"context {self.context.name!r}: the response to {self.request} did not come within {bound.spent:.0f} "
                f"s, {came}",
                advice=f"look at the network and the proxies before {self.context.server}; over a slow line, ask for "
                "fewer objects at once with page_size (--page-size)",
                request=str(self.request),
            )
