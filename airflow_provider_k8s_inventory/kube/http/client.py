"""Send requests to the API server of one context.

By urllib3, and not by the official client, which makes Python objects of every response where we keep its bytes, sets
state of the whole process, and comes with Airflow's `KubernetesHook`: importing that costs a mapped task 2.1 s of CPU,
our hook 0.12 s (``time.process_time`` around the import, after ``airflow.sdk``). It blocks, and several threads use it:
Airflow calls hooks and operators from threads.

One request and its tries are in `exchanges`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Final, Self, TypeVar

import urllib3

from airflow_provider_k8s_inventory.exceptions import TooLargeError
from airflow_provider_k8s_inventory.kube import stopping
from airflow_provider_k8s_inventory.kube.http import bodies, pools
from airflow_provider_k8s_inventory.kube.http.bounds import Bound
from airflow_provider_k8s_inventory.kube.http.exchanges import Exchange
from airflow_provider_k8s_inventory.kube.http.lines import Line
from airflow_provider_k8s_inventory.kube.http.requests import JSON, Request
from airflow_provider_k8s_inventory.kube.http.retrying import RetryPolicy
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.contexts import Context

RESPONSE_BYTES: Final = 64 << 20
"""Bytes of one response, decoded. Only lists of aggregated APIs that know no pages are so large: the metrics of 5,000
nodes take some 4 MB, of 80,000 pods 60 MB. Where there are pages, `listing` keeps them much smaller."""
DOCUMENT_BYTES: Final = 16 << 20
"""Bytes of a response that is no list: discovery of 2,000 CustomResourceDefinitions takes some 2 MB."""

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
        :param retries: the number of further tries when the server does not respond, breaks off, or says "not now"
            (429, 500, 502, 503, 504).
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

        :param seconds: the time it is waited for, from the request to the last piece.
        :raises ScopeError: as `get`; for the pieces, SlowError, ResponseError or UnreachableError when they break off.
        """
        request = Request(method="GET", path=path, params=params, accept=accept)
        with self._exchange(request, Bound(seconds, growing=False)) as exchange:
            response = exchange.perform(lambda opened: opened)
            try:
                yield exchange.pieces(response)
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
    def _exchange(self, request: Request, bound: Bound) -> Iterator[Exchange]:
        """Take one of the places, and a line that is cut when the time is over or whoever asked has left."""
        line, stop = Line(), stopping.current()
        with bound.paused():
            self._places.acquire()
        try:
            with stop.calling(line.cut), bound.kept(line):
                yield Exchange(
                    context=self.context,
                    request=request,
                    bound=bound,
                    line=line,
                    policy=self._policy,
                    connections=self._connections,
                    connect_timeout=self._connect_timeout,
                    read_timeout=self._read_timeout,
                )
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
                    "(decoded) and was given up",
                    advice="of large objects, ask for fewer at once with page_size (--page-size); else look at what "
                    f"serves {self.context.server}",
                    request=str(request),
                )
            return body

        with self._exchange(request, bound) as exchange:
            return exchange.perform(take)

    def _connections(self, certificate: ClientCertificate | None) -> urllib3.PoolManager:
        """Return the connections; new ones when the credentials give another certificate: TLS presents it once."""
        with self._lock:
            if self._pool is None or certificate != self._presented:
                old, self._pool = self._pool, pools.manager(self.context, certificate, self._connections_kept)
                self._presented = certificate
                if old:
                    old.clear()
            return self._pool
