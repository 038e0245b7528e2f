"""Connections that another thread can cut, in every phase from the first packet to the last byte.

TLS, proxies and pools of connections are in `pools`; when a line is cut is decided in `bounds` and `stopping`.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from airflow_provider_k8s_inventory.kube import stopping

_LOCAL: Final = threading.local()

_UNACKNOWLEDGED: Final = 20
"""Seconds after which bytes that nobody acknowledges, or a peer that acknowledges no probe, end a connection.

A firewall or VPN that forgets an idle connection drops its packets without a word; Linux alone would try for 15 minutes
(``tcp_retries2``, https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html).
"""
OPTIONS: Final = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (
            ("TCP_KEEPIDLE", _UNACKNOWLEDGED // 2),
            ("TCP_KEEPINTVL", 5),
            ("TCP_KEEPCNT", 2),
            ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED * 1000),
        )
        if hasattr(socket, name)  # macOS has not all of them
    ),
]
"""Socket options of every connection."""

_Address = tuple[Any, Any, int, str, Any]
"""A result of `socket.getaddrinfo`."""


class Line:
    """The socket of one request: a duplicate, as TLS takes the socket itself into another object."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_cut = False

    def hold(self, sock: Any) -> None:
        """Take a socket in the place of the one before; when the line is cut, cut it at once."""
        duplicate = socket.socket(fileno=os.dup(sock.fileno()))
        with self._lock:
            before, self._socket = self._socket, duplicate
            if self.is_cut:
                _shut(duplicate)
        if before:
            before.close()

    def cut(self) -> None:
        """Wake whoever waits for the socket: it finds the connection closed."""
        with self._lock:
            self.is_cut = True
            if self._socket:
                _shut(self._socket)

    @contextmanager
    def using(self) -> Iterator[None]:
        """Let what this thread connects and sends in the block be on this line."""
        _LOCAL.line = self
        try:
            yield
        finally:
            _LOCAL.line = None

    def close(self) -> None:
        """Give up the duplicate, which would else keep the connection open."""
        with self._lock:
            held, self._socket = self._socket, None
        if held:
            held.close()


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        sock.shutdown(socket.SHUT_RDWR)


def _hold(sock: Any) -> None:
    line: Line | None = getattr(_LOCAL, "line", None)
    if line and sock is not None and sock.fileno() >= 0:
        line.hold(sock)


class Held(HTTPConnection):
    """A connection that is put on the line of the request that takes it."""

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request."""
        _hold(self.sock)
        super().request(*args, **kwargs)


class Plain(Held):
    """HTTP whose connecting can be cut, too."""

    def _new_conn(self) -> socket.socket:
        return _connect(self)


class Tls(Plain, HTTPSConnection):
    """HTTPS whose connecting can be cut, too."""


def _connect(connection: HTTPConnection) -> socket.socket:
    """Connect as urllib3 does, with a socket that is held before it waits for anything."""
    host, timeout = connection.host, connection.timeout
    failure: OSError | None = None
    for family, kind, protocol, _, address in _addresses(connection):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(timeout)
            _hold(sock)
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, f"Connection to {host} timed out") from failure
    raise NewConnectionError(connection, f"Failed to establish a new connection: {failure}") from failure


def _addresses(connection: HTTPConnection) -> list[_Address]:
    """Look the host up in a thread of its own: nothing can wake one that waits for a name server."""
    # With the dot at its end, if it has one: then the name is looked for in no search domain.
    host, port = getattr(connection, "_dns_host", connection.host).strip("[]"), connection.port
    try:
        host.encode("idna")
    except UnicodeError:
        raise LocationParseError(f"'{host}', label empty or too long") from None
    with suppress(socket.gaierror):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    found: SimpleQueue[list[_Address] | OSError | None] = SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM))
        except OSError as error:
            found.put(error)

    threading.Thread(target=look_up, name="k8s-inventory-names", daemon=True).start()
    try:
        with stopping.current().calling(lambda: found.put(None)):
            result = found.get(timeout=connection.timeout)
    except Empty:
        result = socket.gaierror(socket.EAI_AGAIN, "no name server responds in time")
    stopping.current().check()
    if isinstance(result, list):
        return result
    error = result if isinstance(result, socket.gaierror) else socket.gaierror(socket.EAI_FAIL, str(result))
    raise NameResolutionError(connection.host, connection, error) from error
