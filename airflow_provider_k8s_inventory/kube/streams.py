"""Watch many resources of many clusters in one event loop: the events of each as they come, until the server ends it.

By aiohttp: urllib3 takes a thread for each watch. The context is that of a `Client`, with its server, proxy, TLS,
credentials and headers; what went wrong is said in the same words. `watching` reads the changes up to a moment, in
threads.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import aiohttp
from urllib3 import exceptions as known
from yarl import URL

from airflow_provider_k8s_inventory.exceptions import ResponseError, UnreachableError
from airflow_provider_k8s_inventory.kube import metadata
from airflow_provider_k8s_inventory.kube.events import Event, Lines, Reader
from airflow_provider_k8s_inventory.kube.http import errors, failures, lines, pools
from airflow_provider_k8s_inventory.kube.http.requests import JSON, Request
from airflow_provider_k8s_inventory.kube.http.retrying import Failure
from airflow_provider_k8s_inventory.kube.sources import proxies
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import Authentication, basic
from airflow_provider_k8s_inventory.model import Resource

METADATA: Final = f"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{JSON}"
"""The media type of events with the objects' metadata only. Their kind is PartialObjectMetadata then."""
SILENCE: Final = 65
"""Seconds without a byte after which a watch is given up. kube-apiserver sends a bookmark each minute where anything
was written (``defaultBookmarkFrequency`` in k8s.io/apiserver/pkg/storage/cacher/cacher.go)."""
ASKED: Final = (240, 480)
"""Seconds that the server is asked to watch, at least and at most: not all watches are to end at the same moment."""
LONGEST_PAUSE: Final = 30
"""Seconds between two tries to connect, at most."""
_FIRST_PAUSE: Final = 0.5
_ERROR_BYTES: Final = 1 << 20
_LIST_BYTES: Final = 4 << 20
"""Bytes of a list of one object's metadata; etcd takes objects of 1.5 MB (``--max-request-bytes``)."""
_PIECE: Final = 64 << 10


class Pauses:
    """The growing waits between tries, with jitter, so that a restarted server is not asked by all at once."""

    def __init__(self) -> None:
        """Begin with the shortest."""
        self._next = _FIRST_PAUSE

    def reset(self) -> None:
        """Begin again: a try was good."""
        self._next = _FIRST_PAUSE

    def next(self) -> float:
        """Return the seconds to wait."""
        longest, self._next = self._next, min(LONGEST_PAUSE, self._next * 2)
        return longest * random.uniform(0.5, 1)  # noqa: S311  # it only spreads the tries


class _Trust(NamedTuple):
    """The parts of a TLS context: files may have another content by the next connection."""

    certificate: ClientCertificate | None
    files: tuple[tuple[int, int, int] | None, ...]


class Streams:
    """The watches of one context; used in one event loop, and closed in it."""

    def __init__(
        self, context: Context, *, connect_timeout: float = 10, silence: float = SILENCE, connecting: int = 4
    ) -> None:
        """Keep what is needed for the first watch; this does no I/O and cannot fail.

        :param connect_timeout: seconds for one try to connect, TLS included.
        :param silence: seconds without a byte after which a watch ends.
        :param connecting: watches that are opened at a time; further ones wait.
        """
        self.context = context
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout, sock_read=silence)
        self._places = asyncio.Semaphore(connecting)
        self._session: aiohttp.ClientSession | None = None
        self._tls: tuple[_Trust, ssl.SSLContext] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; a later watch opens new ones."""
        session, self._session = self._session, None
        if session:
            await session.close()
            await asyncio.sleep(0)  # in which the event loop closes the sockets

    async def events(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        since: str,
        expected: Resource | None = None,
        accept: str = JSON,
        seconds: int | None = None,
    ) -> AsyncGenerator[list[Event], None]:
        """Yield the events after a resourceVersion as they come, several at a time where several have come.

        It ends when the server ends it, is gone or says nothing for a while: watch again then, from the last
        resourceVersion.
        The first list is empty, and says that the watch is open. What nobody takes is not read from the network.

        :param path: of the list, as for `listing.pages`.
        :param query: selectors, as for `listing.pages`.
        :param since: the resourceVersion at which a list or a watch was complete.
        :param expected: the resource whose objects they must be; None: any, as of `METADATA`.
        :param accept: the media types wanted.
        :param seconds: the time that the server is asked to watch; None: some minutes.
        :raises ExpiredError: the server does not remember so far back.
        :raises UnprovenError: an event is older than what came before it.
        :raises TooLargeError: an event is too large.
        :raises ResponseError: this is no watch, or the server ended it with another error.
        :raises UnauthorizedError: 401, or credentials that cannot be had.
        :raises ForbiddenError: 403.
        :raises NotServedError: 404.
        :raises UnreachableError: no connection, no TLS, no response, or "not now".
        """
        params: dict[str, str | int] = {
            "watch": 1,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": seconds or random.randint(*ASKED),  # noqa: S311  # it only spreads their ends
            **(query or {}),
            "resourceVersion": since,
        }
        request = Request(method="GET", path=path, params=params, accept=accept)
        reader = Reader(self.context, path, since, expected)
        whole = Lines(reader.what)
        async with self._open(request) as response:
            yield []
            async for piece in self._pieces(response):
                if came := whole.of(piece):
                    yield [reader.read(line) for line in came]

    async def version(self, path: str, *, expected: Resource) -> str:
        """Return the resourceVersion from which to watch what comes from now on: that of a list of one object.

        :param path: as for `listing.pages`.
        :param expected: the resource that it lists.
        :raises ScopeError: as `events`.
        """
        request = Request(method="GET", path=path, params={"limit": 1}, accept=metadata.ACCEPT)
        body = bytearray()
        async with self._open(request) as response:
            async for piece in self._pieces(response):
                body += piece
                if len(body) > _LIST_BYTES:
                    break
        try:
            return metadata.read(bytes(body), expected).resource_version
        except (ValueError, RecursionError) as error:
            said = self.context.excerpt(str(error))
            raise ResponseError(
                f"context {self.context.name}: {request}: the response is not a list of one object ({said})",
                advice=errors.CHECK_PROXY,
                request=str(request),
            ) from None

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open a watch; after a 401 once more with renewed credentials."""
        async with self._places:
            response = await self._opened(request)
        try:
            yield response
        finally:
            # A connection in the middle of a response is of no use to another request, and TLS would wait for the
            # server's goodbye.
            if response.connection and response.connection.transport:
                response.connection.transport.abort()
            response.close()

    async def _opened(self, request: Request) -> aiohttp.ClientResponse:
        if self.context.problem:
            raise UnreachableError(self.context.problem)
        loop = asyncio.get_running_loop()
        # Commands and files block, and credentials renew what the same thread was given last.
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="credentials")
        try:
            renewed = False
            while True:
                given = await loop.run_in_executor(thread, self._authentication)
                trust = await loop.run_in_executor(thread, self._trust, given.certificate)
                response = await self._send(request, given.authorization, trust)
                failure = await self._failure(response, request)
                if failure is None:
                    return response
                response.close()
                if failure.http_status == 401 and not renewed:
                    renewed = await loop.run_in_executor(thread, self.context.credentials.renew)
                    if renewed:
                        continue
                raise failure.exception(str(request))
        finally:
            thread.shutdown(wait=False)

    def _authentication(self) -> Authentication:
        # Over http:// no credentials are sent; kubectl sends none either.
        return self.context.credentials.authentication() if self.context.is_tls else Authentication()

    def _trust(self, certificate: ClientCertificate | None) -> ssl.SSLContext | None:
        """Return the TLS context; a new one when a certificate or an authority is another one by now."""
        if not self.context.is_tls:
            return None
        files = (self.context.ca_file, *((certificate.certificate_file, certificate.key_file) if certificate else ()))
        made_of = _Trust(certificate, tuple(map(_version, files)))
        if self._tls and self._tls[0] == made_of:
            return self._tls[1]
        made = pools.trust_of(self.context)
        if certificate:
            certificate.load_into(made)
        self._tls = made_of, made
        return made

    async def _send(
        self, request: Request, authorization: str | None, trust: ssl.SSLContext | None
    ) -> aiohttp.ClientResponse:
        url, through = self.context.server + request.target, self._proxy()
        # aiohttp writes headers in UTF-8, http.client in latin-1.
        wanted = request.headers(self.context, authorization).items()
        headers = [(name, value.encode("latin-1").decode()) for name, value in wanted]
        try:
            return await self._connections().get(
                URL(url, encoded=True),
                headers=headers,
                ssl=trust if trust is not None else True,
                server_hostname=self.context.tls_server_name if trust is not None else None,
                allow_redirects=False,
                proxy=proxies.shown(through) if through else None,
                proxy_headers=_proxy_headers(through) if through else None,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unanswered(error, request) from None

    def _proxy(self) -> str | None:
        """Return the proxy's URL.

        :raises UnreachableError: when it is of a kind that aiohttp cannot use as `pools` does.
        """
        through = pools.proxy_of(self.context)
        if through and urlsplit(through).scheme != "http":
            raise UnreachableError(
                f"context {self.context.name!r}: its proxy {proxies.shown(through)} is none of http://, through which "
                "alone watches go",
                advice="sync this context at intervals instead",
            )
        return through

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=_socket),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                trust_env=False,
            )
        return self._session

    async def _failure(self, response: aiohttp.ClientResponse, request: Request) -> Failure | None:
        body, whole = b"", True
        if not response.ok or response.status >= 300:
            try:
                body = await response.content.read(_ERROR_BYTES)
                whole = response.content.at_eof()
            except (aiohttp.ClientError, OSError) as error:
                raise self._unanswered(error, request) from None
        got = errors.Response(status=response.status, headers=response.headers, body=body, whole=whole)
        return errors.explain(got, self.context, str(request), request.accept)

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield the pieces of a response as they come, until it ends, is cut off or falls silent."""
        while True:
            try:
                piece = await response.content.readany()
            except (aiohttp.ClientError, OSError):
                return
            if not piece:
                return
            yield piece

    def _unanswered(self, error: Exception, request: Request) -> Exception:
        """Say why there is no response, or only a part of one, in the words of `failures`."""
        return failures.explain(_as_urllib3(error), self.context, str(request)).exception(str(request))


_Known = known.HTTPError
_NAMED: Final[tuple[tuple[type[Exception], Callable[[Any], _Known]], ...]] = (
    (aiohttp.ClientProxyConnectionError, lambda error: known.ProxyError("no proxy", _unconnected(error))),
    (
        aiohttp.ClientHttpProxyError,
        lambda error: known.ProtocolError("", OSError(f"Tunnel connection failed: {error.status} {error.message}")),
    ),
    (aiohttp.ClientConnectorCertificateError, lambda error: known.SSLError(error.certificate_error)),
    (aiohttp.ClientConnectorSSLError, lambda error: known.SSLError(error.os_error)),
    (aiohttp.ClientConnectorError, lambda error: _unconnected(error)),
    (aiohttp.ClientPayloadError, lambda error: known.ProtocolError("Connection broken", error)),
    (aiohttp.ConnectionTimeoutError, lambda _: known.ConnectTimeoutError("no connection in time")),
    (TimeoutError, lambda _: known.ReadTimeoutError(None, "", "no response in time")),  # type: ignore[arg-type]
    (aiohttp.InvalidURL, lambda error: known.LocationValueError(str(error))),
    (ssl.SSLError, lambda error: known.SSLError(error)),
)
"""The errors of aiohttp as urllib3 names them; the first that fits counts."""


def _as_urllib3(error: Exception) -> _Known:
    """Name an error of aiohttp as urllib3 does, so that one place explains both."""
    for kind, name in _NAMED:
        if isinstance(error, kind):
            return name(error)
    return known.ProtocolError("Connection aborted.", error)


def _unconnected(error: aiohttp.ClientConnectorError) -> _Known:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return known.NameResolutionError(error.host, None, error.os_error)  # type: ignore[arg-type]  # of no connection
    made = known.NewConnectionError(None, str(error))  # type: ignore[arg-type]  # of no connection
    # asyncio puts other words in the place of the system's.
    number = error.os_error.errno
    made.__cause__ = OSError(number, os.strerror(number)) if number else error.os_error
    return made


def _proxy_headers(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    return {"Proxy-Authorization": basic(unquote(parts.username), unquote(parts.password or ""))}


def _version(path: str | None) -> tuple[int, int, int] | None:
    """Return what changes with a file's content; None: there is no file, or it cannot be read."""
    try:
        found = Path(path).stat() if path else None
    except (OSError, ValueError):
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None


def _socket(address: aiohttp.connector.AddrInfoType) -> socket.socket:
    """Make a socket as urllib3 does for a `Client`: one that notices when nobody is there any more."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    for option in lines.OPTIONS:
        made.setsockopt(*option)
    return made
