"""The database as the scopes of one run share it: as few connections as will do, and the ledger lines still to write.

One connection is made fit in `postgres.sessions`; which scopes there are is known to `fleet`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Final

import psycopg

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.postgres import explaining, sessions
from airflow_provider_k8s_inventory.sync import recording

log = logging.getLogger(__name__)

Connect = Callable[[], psycopg.Connection]
"""Opens a database connection."""


PATIENCE: Final = 20.0
"""Seconds to ask for a connection while others have them all; ours are waited for as long as they are in use."""
PAUSE: Final = 1.0
"""Seconds between two such questions."""


@dataclass(slots=True)
class Database:
    """Connections for several threads, opened when they are needed, and as many as PostgreSQL lets us have."""

    connect: Connect
    schema: str
    patience: float = PATIENCE
    _changed: Condition = field(default_factory=Condition)
    _idle: list[psycopg.Connection] = field(default_factory=list)
    _in_use: int = 0
    _opening: int = 0
    _waiting: int = 0
    _to_come: int = 0
    _late: list[SyncReport] = field(default_factory=list)

    def expect(self, uses: int) -> None:
        """Keep connections for so many more uses; what is idle beyond them is closed."""
        with self._changed:
            self._to_come += uses

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Lend a connection for the length of the block.

        :raises DatabaseError: when there is none to be had, and none of ours that will be free.
        """
        conn = self._take()
        try:
            yield conn
        finally:
            self._give(conn)

    def late(self, report: SyncReport) -> None:
        """Remember a line of the ledger that could not be written at its time."""
        with self._changed:
            self._late.append(report)

    def close(self) -> None:
        """Write the lines that are late, by any connection that works, and close what is idle."""
        try:
            if self._late:
                with self.connection() as conn:
                    while self._late:
                        recording.record(conn, self.schema, self._late[0], self.connect)
                        del self._late[0]
        except (psycopg.Error, DatabaseError) as error:
            log.warning("%d lines are not in the ledger: %s", len(self._late), error)
        finally:
            with self._changed:
                while self._idle:
                    self._idle.pop().close()

    def _take(self) -> psycopg.Connection:
        with self._changed:
            self._to_come = max(0, self._to_come - 1)
        until = time.monotonic() + self.patience
        while True:
            if conn := self._reuse():
                return conn
            try:
                return self._open()
            except BaseException as error:
                self._wait(error, until)

    def _open(self) -> psycopg.Connection:
        """Open a connection, and wait until PostgreSQL responds on it: a pooler may let in more than it can serve."""
        with self._changed:
            self._opening += 1
        try:
            conn = self.connect()
            sessions.ping(conn)
            return conn
        except psycopg.Error as error:
            raise DatabaseError(explaining.explain(error)) from error
        finally:
            with self._changed:
                self._opening -= 1

    def _reuse(self) -> psycopg.Connection | None:
        """Take an idle connection that works; None: the caller may open one. Either counts as in use."""
        with self._changed:
            self._in_use += 1
        while True:
            with self._changed:
                if not self._idle:
                    return None
                conn = self._idle.pop()
            if _works(conn):
                return conn

    def _wait(self, error: BaseException, until: float) -> None:
        """Wait for a connection of ours or, while there is none, for somebody else's to end.

        :raises BaseException: the error, when waiting does not help.
        """
        with self._changed:
            self._in_use -= 1
            self._changed.notify_all()
            # Why it was refused does not matter while one of ours will be free, nor in which language that was said.
            ours = isinstance(error, (psycopg.OperationalError, DatabaseError)) and (self._in_use or self._idle)
            if not ours and not (explaining.refused_for_number(error) and time.monotonic() < until):
                raise error
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._idle or not self._in_use, None if ours else PAUSE)
            finally:
                self._waiting -= 1

    def _give(self, conn: psycopg.Connection) -> None:
        with self._changed:
            self._in_use -= 1
            # Whom a pooler lets wait until one of ours ends cannot take one that is idle.
            wanted = self._waiting + (0 if self._opening else self._to_come)
            if not conn.closed and len(self._idle) < wanted:
                self._idle.append(conn)
            else:
                conn.close()
            self._changed.notify_all()


def _works(conn: psycopg.Connection) -> bool:
    """Tell if nobody has ended the session meanwhile: PostgreSQL (`idle_session_timeout`), a pooler, a failover."""
    try:
        sessions.ping(conn)
    except psycopg.Error:
        return False
    return True
