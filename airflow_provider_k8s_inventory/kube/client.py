"""HTTP to the API server of one context: the one place from where requests are sent.

What is asked for is in `listing`, `metadata`, `watching` and `discovery`; what unwanted answers and failures mean is
in `answers` and `failures`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Final, Self
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from airflow_provider_k8s_inventory import __version__
from airflow_provider_k8s_inventory.exceptions import UnreachableError
from airflow_provider_k8s_inventory.kube import answers, failures, pools, retrying
from airflow_provider_k8s_inventory.kube.contexts import Context
from airflow_provider_k8s_inventory.kube.credentials import Proof
from airflow_provider_k8s_inventory.kube.tls import ClientCertificate

JSON: Final = "application/json"
PIECE: Final = 1 << 20
"""Bytes read at once from an answer that is streamed."""
USER_AGENT: Final = f"airflow-provider-k8s-inventory/{__version__}"


class Client:
    """Requests to one context over connections that are kept; may be used by several threads.

    Making one does no I/O and cannot fail: certificates are read and commands run at the first request.
    """

    def __init__(
        self,
        context: Context,
        *,
        connect_timeout: float = 10,
        read_timeout: float = 60,
        retries: int = 4,
        retry_after_max: float = 30,
        backoff: float = 0.5,
        max_parallel_requests: int = 4,
    ) -> None:
        """Keep what is needed for the first request.

        :param connect_timeout: seconds for one try to connect, TLS included.
        :param read_timeout: seconds without a byte after which an answer is given up.
        :param retries: how many times a request is sent again when the server does not answer, breaks off, or says
            "not now" (429, 500, 502, 503, 504).
        :param retry_after_max: the longest wait in seconds that the server may ask for.
        :param max_parallel_requests: requests at a time; further ones wait.
        :param backoff: the scale in seconds of the growing waits when it asks for none.
        """
        self.context = context
        self._timeout = urllib3.Timeout(connect=connect_timeout, read=read_timeout)
        self._retries = retrying.retries(retries, retry_after_max=retry_after_max, backoff=backoff)
        self._lock = threading.Lock()
        self._connections_kept = max_parallel_requests
        self._places = threading.BoundedSemaphore(max_parallel_requests)
        self._pool: urllib3.PoolManager | None = None
        self._presented: ClientCertificate | None = None

    def get(self, path: str, params: Mapping[str, str | int] | None = None, *, accept: str = JSON) -> bytes:
        """What the API server has at a path.

        :param path: below the server's URL, quoted; for example ``/api/v1/pods``.
        :param params: the query.
        :param accept: the media types wanted.
        :raises UnauthorizedError: 401, or credentials that cannot be had.
        :raises ForbiddenError: 403.
        :raises NotServedError: 404.
        :raises ExpiredError: 410.
        :raises UnreachableError: no connection, no TLS, no answer in time, or "not now" to the last try.
        :raises AnswerError: an answer that is cut off or of another media type, or any other status.
        """
        return self._send("GET", path, params=params, accept=accept)

    @contextmanager
    def stream(self, path: str, params: Mapping[str, str | int], *, accept: str = JSON) -> Iterator[Iterator[bytes]]:
        """What the API server sends at a path while it sends it, in pieces of any length.

        :raises ScopeError: as `get`; for the pieces, AnswerError or UnreachableError when they break off.
        """
        request = f"GET {path}"
        with self._places:
            response = self._exchange("GET", path, params, None, accept, whole=False)
            try:
                if error := answers.problem(response, self.context, request, accept):
                    raise error
                yield self._pieces(response, request)
            finally:
                # A connection in the middle of an answer is of no use to another request.
                response.close()

    def _pieces(self, response: urllib3.BaseHTTPResponse, request: str) -> Iterator[bytes]:
        try:
            yield from response.stream(PIECE, decode_content=True)
        except HTTPError as error:
            raise failures.failed(error, self.context, request) from error

    def post(self, path: str, body: bytes) -> bytes:
        """The answer to a question that is too long for a query, such as a SelfSubjectAccessReview.

        :param body: JSON. It may be sent more than once, so it must only ask.
        :raises ScopeError: as `get`.
        """
        return self._send("POST", path, body=body)

    def anew(self) -> Self:
        """The same context over new connections: behind an address there may be several API servers.

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

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        accept: str = JSON,
    ) -> bytes:
        """Send it; once more when a 401 shows that the credentials need renewing."""
        with self._places:
            response = self._exchange(method, path, params, body, accept)
            if response.status == 401 and self.context.credentials.renew():
                response = self._exchange(method, path, params, body, accept)
        if error := answers.problem(response, self.context, f"{method} {path}", accept):
            raise error
        return response.data

    def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        body: bytes | None,
        accept: str,
        *,
        whole: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        if self.context.problem:
            raise UnreachableError(self.context.problem)
        # Over http:// no credentials are sent; kubectl sends none either.
        proof = self.context.credentials.proof() if self.context.server.startswith("https://") else Proof()
        url = self.context.server + path + (f"?{urlencode(params, quote_via=quote, safe='')}" if params else "")
        try:
            return self._connections(proof.certificate).urlopen(
                method,
                url,
                body=body,
                headers=self._headers(accept, body, proof.authorization),
                timeout=self._timeout,
                retries=self._retries,
                redirect=False,
                preload_content=whole,
            )
        except HTTPError as error:
            raise failures.failed(error, self.context, f"{method} {path}") from error

    def _connections(self, certificate: ClientCertificate | None) -> urllib3.PoolManager:
        """New ones when the credentials now give another certificate: TLS presents it per connection."""
        with self._lock:
            if self._pool is None or certificate != self._presented:
                old, self._pool = self._pool, pools.manager(self.context, certificate, self._connections_kept)
                self._presented = certificate
                if old:
                    old.clear()
            return self._pool

    def _headers(self, accept: str, body: bytes | None, authorization: str | None) -> urllib3.HTTPHeaderDict:
        headers = urllib3.HTTPHeaderDict({"Accept": accept, "User-Agent": USER_AGENT})
        if not self.context.disable_compression:
            headers["Accept-Encoding"] = "gzip"
        if body is not None:
            headers["Content-Type"] = JSON
        if authorization:
            headers["Authorization"] = authorization
        for name, value in self.context.impersonation:
            # Header values are bytes; http.client takes text for latin-1, Go sends UTF-8.
            headers.add(name, value.encode().decode("latin-1"))
        return headers
