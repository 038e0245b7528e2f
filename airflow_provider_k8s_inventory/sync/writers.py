"""The database as an event loop uses it: a few threads that write, and the bookmarks of many scopes at a time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import local
from typing import Final, TypeVar

import psycopg

from airflow_provider_k8s_inventory.kube.stopping import Stop
from airflow_provider_k8s_inventory.model import Scope
from airflow_provider_k8s_inventory.postgres import scopes, sessions
from airflow_provider_k8s_inventory.postgres.scopes import Bookmark
from airflow_provider_k8s_inventory.sync.database import Connect
from airflow_provider_k8s_inventory.sync.threads import ThreadPool

CONNECTIONS: Final = 3
"""Connections to PostgreSQL for batches and syncs."""
TOGETHER: Final = 1.0
"""Seconds that a bookmark waits for those of other scopes: alone each takes 4 ms, and 700 scopes have 12 a second."""

_T = TypeVar("_T")


class Threads:
    """A few threads for the database, each with a connection that it keeps while that works."""

    def __init__(self, connect: Connect) -> None:
        """Open nothing yet."""
        self._connect = connect
        self._own = local()
        self._opened: set[psycopg.Connection] = set()
        self._pool = ThreadPool(CONNECTIONS, "k8s-inventory-watch", Stop())

    async def do(self, work: Callable[[psycopg.Connection], _T]) -> _T:
        """Let a thread do it with its connection.

        :raises psycopg.Error: when the database does not respond.
        :raises DatabaseError: when there is no connection to be had.
        """
        return await asyncio.wrap_future(self._pool.submit(self._do, work))

    def close(self) -> None:
        """End what is under way, and close the connections."""
        self._pool.shut_down()
        for conn in list(self._opened):
            with suppress(psycopg.Error):
                conn.close()

    def _do(self, work: Callable[[psycopg.Connection], _T]) -> _T:
        conn: psycopg.Connection | None = getattr(self._own, "conn", None)
        if conn is None or conn.closed:
            self._opened.discard(conn) if conn else None
            conn = self._own.conn = self._connect()
            self._opened.add(conn)
        try:
            return work(conn)
        except psycopg.OperationalError:
            conn.close()
            raise


class Bookmarks:
    """The bookmarks of all scopes of a process: those of a second are written in one transaction."""

    def __init__(self, database: Threads, schema: str) -> None:
        """Begin without any.

        :param schema: the schema of the tables.
        """
        self._database = database
        self._schema = schema
        self._waiting: list[tuple[Bookmark, asyncio.Future[bool]]] = []
        self._writing: set[asyncio.Task[None]] = set()

    async def advance(self, bookmark: Bookmark) -> bool:
        """Move the checkpoint of a scope; False: it has another one by now.

        :raises psycopg.Error: when the database does not respond.
        :raises DatabaseError: when there is no connection to be had.
        """
        if not self._waiting:
            task = asyncio.create_task(self._write())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        moved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((bookmark, moved))
        return await moved

    async def _write(self) -> None:
        await asyncio.sleep(TOGETHER)
        taken, self._waiting = self._waiting, []
        try:
            moved = await self._database.do(partial(self._move, [bookmark for bookmark, _ in taken]))
        except Exception as error:
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)
            return
        for bookmark, future in taken:
            if not future.done():  # whoever waited for it may be gone
                future.set_result(bookmark.scope in moved)

    def _move(self, bookmarks: Sequence[Bookmark], conn: psycopg.Connection) -> set[Scope]:
        sessions.fit(conn)
        with sessions.transaction(conn) as cursor:
            return scopes.advance(cursor, self._schema, bookmarks, socket.gethostname())
