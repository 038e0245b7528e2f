"""Notice that a server which should respond is not there any more, though no end of the connection is told.

TCP keepalives find a machine that vanished. They do not find a server that hangs, or one behind a proxy or a load
balancer that keeps our side of the connection open: then only the server itself can show that it is there.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg

_T = TypeVar("_T")

SILENCE: Final = 30.0
"""Seconds without a byte, while a response is due, after which the server is asked whether it is there.

A long statement is silent too: of 100,000 rows a merge takes 10 s, on a slow server a minute.
"""
PATIENCE: Final = 5.0
"""Seconds it has to say so; accepting a connection takes none of what a statement takes."""

# https://www.postgresql.org/docs/current/protocol-message-formats.html, SSLRequest: the one question that needs no
# credentials and takes no connection. The response is one byte; PgBouncer gives it too.
_HELLO: Final = struct.pack("!ii", 8, 80877103)


def guard(conn: psycopg.Connection[Any], *, after: float = SILENCE, patience: float = PATIENCE) -> None:
    """Let whatever waits on the connection end when the server is gone; a second time does nothing.

    :param after: seconds of silence after which it is asked whether it is there.
    :param patience: seconds it has to say so.
    """
    if "wait" in vars(conn):
        return
    wait = conn.wait

    def watched(responding: Generator[int, int, _T], *arguments: Any, **keywords: Any) -> _T:
        return wait(_watch(conn, responding, after, patience), *arguments, **keywords)  # type: ignore[arg-type]

    conn.wait = watched  # type: ignore[assignment, method-assign]  # of this connection: Airflow's hook makes no subclass of ours


def _watch(
    conn: psycopg.Connection[Any], responding: Generator[int, int, _T], after: float, patience: float
) -> Generator[int, int, _T]:
    """Wait as the driver does: it sends what the socket is ready for, and ten times a second 0 when it is not."""
    heard = time.monotonic()
    try:
        wanted = next(responding)
        while True:
            ready = yield wanted
            if ready:
                heard = time.monotonic()
            elif time.monotonic() - heard > after:
                _check(conn, patience)
                heard = time.monotonic()
            wanted = responding.send(ready)
    except StopIteration as end:
        result: _T = end.value
        return result


def _check(conn: psycopg.Connection[Any], patience: float) -> None:
    """Ask the server whether it is there.

    :raises psycopg.OperationalError: when it does not respond; the connection is closed then.
    """
    info = conn.info
    host, port = info.hostaddr or info.host, info.port
    if host.startswith("/"):
        return  # the same machine
    try:
        with socket.create_connection((host, port), timeout=patience) as asked:
            asked.sendall(_HELLO)
            if asked.recv(1):
                return
    except OSError:
        pass
    conn.pgconn.finish()
    raise psycopg.OperationalError(f"the server at {host}:{port} has fallen silent, and does not accept connections")
