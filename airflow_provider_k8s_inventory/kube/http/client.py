"""Send requests to the API server of one context.

What is asked for is in `listing`, `metadata`, `watching` and `discovery`; what unwanted responses and failures mean is
in `errors` and `failures`, how long a request may take in `bounds`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Final, Self, TypeVar

import urllib3
from urllib3.exceptions import HTTPError

from airflow_provider_k8s_inventory.exceptions import SlowError, TooLargeError, UnreachableError, released
from airflow_provider_k8s_inventory.kube import stopping
from airflow_provider_k8s_inventory.kube.http import bodies, errors, failures, pools
from airflow_provider_k8s_inventory.kube.http.bounds import Bound
from airflow_provider_k8s_inventory.kube.http.errors import Response
from airflow_provider_k8s_inventory.kube.http.lines import Line
from airflow_provider_k8s_inventory.kube.http.requests import JSON, Request
from airflow_provider_k8s_inventory.kube.http.retrying import Failure, RetryPolicy, Tries
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import Authentication

RESPONSE_BYTES: Final = 64 << 20
"""Bytes of one response, decoded. Only lists of aggregated APIs that know no pages are so large: the metrics of 5,000
nodes take some 4 MB, of 80,000 pods 60 MB. Where there are pages, `listing` keeps them much smaller."""
DOCUMENT_BYTES: Final = 16 << 20
"""Bytes of a response that is no list: discovery of 2,000 CustomResourceDefinitions takes some 2 MB."""
ERROR_BYTES: Final = 1 << 20
"""Bytes that are read of a response that is an error: its first words say why."""

_T = TypeVar("_T")


class Client:
    """A client of one context, which keeps its connections; several threads may use it.

    Making one does no I/O and cannot fail: certificates are read and commands run at the first request.
    """

    def __init__(
        self,
        context: Context,
        *,
        connect_timeout: float = 10,
        read_timeout: float = 65,
        request_timeout: float = 70,
        retries: int = 4,
        retry_after_max: float = 30,
        backoff: float = 0.5,
        max_parallel_requests: int = 4,
        response_bytes: int = RESPONSE_BYTES,
    ) -> None:
        """Keep what is needed for the first request.

        :param connect_timeout: seconds for one try to connect, TLS included.
        :param read_timeout: seconds without a byte after which a response is given up.
        :param request_timeout: seconds for the whole of a request, with all tries and the waits between them; bytes
            that come prolong it, see `bounds`. kube-apiserver gives itself 60 (``--request-timeout``), and its word
            that they are over should still be heard.
        :param retries: how many times a request is sent again when the server does not respond, breaks off, or says
            "not now" (429, 500, 502, 503, 504).
        :param retry_after_max: the longest wait in seconds that the server may ask for.
        :param backoff: the scale in seconds of the growing waits when it asks for none.
        :param max_parallel_requests: requests at a time; further ones wait.
        :param response_bytes: bytes of one response, decoded, at most.
        """
        self.context = context
        self.response_bytes = response_bytes
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._request_timeout = request_timeout
        self._policy = RetryPolicy(retries=retries, retry_after_max=retry_after_max, backoff=backoff)
        self._lock = threading.Lock()
        self._connections_kept = max_parallel_requests
        self._places = threading.BoundedSemaphore(max_parallel_requests)
        self._pool: urllib3.PoolManager | None = None
        self._presented: ClientCertificate | None = None

    def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        accept: str = JSON,
        most: int = DOCUMENT_BYTES,
    ) -> bytes:
        """Get what the API server has at a path.

        :param path: below the server's URL, quoted; for example ``/api/v1/pods``.
        :param params: the query.
        :param accept: the media types wanted.
        :param most: bytes of the response, decoded, at most.
        :raises UnauthorizedError: 401, or credentials that cannot be had.
        :raises ForbiddenError: 403.
        :raises NotServedError: 404.
        :raises ExpiredError: 410.
        :raises UnreachableError: no connection, no TLS, no response in time, or "not now" to the last try.
        :raises ServerError: "not now" for this resource only, and the server says why.
        :raises TooLargeError: a response of more bytes.
        :raises ResponseError: a response that is cut off or of another media type, or any other status.
        """
        return self._whole(Request(method="GET", path=path, params=params, accept=accept), most)

    def document(self, path: str, type_: type[_T], *, accept: str = JSON) -> _T:
        """Get what the API server has at a path, and decode it.

        :param type_: the type to decode it to.
        :raises ResponseError: when it is of another type.
        :raises ScopeError: as `get`.
        """
        return bodies.decode(self.get(path, accept=accept), type_, self.context, f"GET {path}")

    def post(self, path: str, body: bytes) -> bytes:
        """Post a question that is too long for a query, such as a SelfSubjectAccessReview.

        :param body: JSON. It may be sent more than once, so it must only ask.
        :raises ScopeError: as `get`.
        """
        return self._whole(Request(method="POST", path=path, body=body), DOCUMENT_BYTES)

    @contextmanager
    def stream(
        self, path: str, params: Mapping[str, str | int], *, seconds: float, accept: str = JSON
    ) -> Iterator[Iterator[bytes]]:
        """Open what the API server sends at a path while it sends it, in pieces of any length.

        :param seconds: how long it is waited for, from the request to the last piece.
        :raises ScopeError: as `get`; for the pieces, SlowError, ResponseError or UnreachableError when they break off.
        """
        request = Request(method="GET", path=path, params=params, accept=accept)
        bound = Bound(seconds, growing=False)
        with self._line(bound) as line:
            response = self._tried(request, line, bound, lambda opened: opened)
            try:
                yield self._pieces(response, request, bound)
            finally:
                # A connection in the middle of a response is of no use to another request.
                response.close()

    def with_new_connections(self) -> Self:
        """Return a client of the same context with new connections: behind an address there may be several API servers.

        The requests at a time are shared.
        """
        other = copy(self)
        other._lock, other._pool, other._presented = threading.Lock(), None, None
        return other

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            pools.close(pool)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _line(self, bound: Bound) -> Iterator[Line]:
        """Take one of the places, and a line that is cut when the time is over or whoever asked has left."""
        line, stop = Line(), stopping.current()
        with bound.paused():
            self._places.acquire()
        try:
            with stop.calling(line.cut), bound.kept(line):
                yield line
        finally:
            line.close()
            self._places.release()

    def _whole(self, request: Request, most: int) -> bytes:
        bound = Bound(self._request_timeout, growing=True)
        most = min(most, self.response_bytes)

        def take(response: urllib3.BaseHTTPResponse) -> bytes:
            body, whole = bodies.read(response, most, bound)
            if not whole:
                raise TooLargeError(
                    f"context {self.context.name!r}: the response to {request} has more than {most >> 10} KiB "
                    "(decoded) and was given up: of large objects, ask for fewer at once with page_size (--page-size); "
                    f"else look at what serves {self.context.server}",
                    request=str(request),
                )
            return body

        with self._line(bound) as line:
            return self._tried(request, line, bound, take)

    def _tried(self, request: Request, line: Line, bound: Bound, take: Callable[[urllib3.BaseHTTPResponse], _T]) -> _T:
        """Send a request until it succeeds or there is no hope; after a 401 once more with renewed credentials.

        :param take: what to make of a response that was asked for.
        """
        tries, renewed = Tries(self._policy, bound, f"context {self.context.name!r}: {request}"), False
        while True:
            cause: HTTPError | None = None
            try:
                response = self._send(request, line, bound)
                with bodies.closing(response):
                    failure = self._failure(response, request, bound)
                    taken = None if failure else take(response)
                if failure:
                    response.close()  # it may not have been read to its end
                self._check(request, bound)
                if not failure:
                    return taken  # type: ignore[return-value]  # what `take` gave
            except HTTPError as error:
                self._check(request, bound)
                failure, cause = failures.explain(error, self.context, str(request)), released(error)
            if failure.http_status == 401 and not renewed and self.context.credentials.renew():
                renewed = True
            elif not tries.again(failure):
                raise failure.exception(str(request), tries.said()) from failures.quotable(cause, self.context)

    def _send(self, request: Request, line: Line, bound: Bound) -> urllib3.BaseHTTPResponse:
        if self.context.problem:
            raise UnreachableError(self.context.problem)
        with bound.paused():  # a command may ask a person to log in
            authentication = self._authentication()
            stopping.current().check()
        left = max(0.01, bound.left)
        with line.using():
            return self._connections(authentication.certificate).urlopen(
                request.method,
                self.context.server + request.target,
                body=request.body,
                headers=request.headers(self.context, authentication.authorization),
                timeout=urllib3.Timeout(connect=min(self._connect_timeout, left), read=min(self._read_timeout, left)),
                retries=False,
                redirect=False,
                preload_content=False,
            )

    def _authentication(self) -> Authentication:
        # Over http:// no credentials are sent; kubectl sends none either.
        return self.context.credentials.authentication() if self.context.is_tls else Authentication()

    def _failure(self, response: urllib3.BaseHTTPResponse, request: Request, bound: Bound) -> Failure | None:
        body, whole = (b"", True) if 200 <= response.status < 300 else bodies.read(response, ERROR_BYTES, bound)
        got = Response(status=response.status, headers=response.headers, body=body, whole=whole)
        return errors.explain(got, self.context, str(request), request.accept)

    def _check(self, request: Request, bound: Bound) -> None:
        """Check that nobody cut the line: a response without a length would look complete.

        :raises Stopped: whoever asked has left.
        :raises SlowError: its time is over.
        """
        stopping.current().check()
        if bound.broken:
            came = f"only {bound.bytes} bytes of it" if bound.bytes else "nothing of it"
            raise SlowError(
                f"context {self.context.name!r}: the response to {request} did not come within {bound.spent:.0f} s, "
                f"{came}: look at the network and the proxies before {self.context.server}; over a slow line, ask for "
                "fewer objects at once with page_size (--page-size)",
                request=str(request),
            )

    def _pieces(self, response: urllib3.BaseHTTPResponse, request: Request, bound: Bound) -> Iterator[bytes]:
        pieces = bodies.arriving(response)
        while True:
            try:
                piece = next(pieces, None)
            except HTTPError as error:
                self._check(request, bound)
                failure = failures.explain(error, self.context, str(request))
                raise failure.exception(str(request)) from failures.quotable(error, self.context)
            self._check(request, bound)
            if not piece:
                return
            bound.bytes += len(piece)
            bound.pause()
            yield piece
            bound.go_on()

    def _connections(self, certificate: ClientCertificate | None) -> urllib3.PoolManager:
        """Return the connections; new ones when the credentials give another certificate: TLS presents it once."""
        with self._lock:
            if self._pool is None or certificate != self._presented:
                old, self._pool = self._pool, pools.manager(self.context, certificate, self._connections_kept)
                self._presented = certificate
                if old:
                    old.clear()
            return self._pool
