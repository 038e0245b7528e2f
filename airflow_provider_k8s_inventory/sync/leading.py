"""Let one of several watchers of a context lead; another one takes over when it ends, however it ends.

A lead is a lock of one long transaction, and not of the session: PgBouncer in transaction mode is no obstacle. In READ
COMMITTED a transaction that is idle between two statements holds no snapshot, so vacuum removes what it would anyway.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Lock

import psycopg

from airflow_provider_k8s_inventory.postgres import locking, sessions
from airflow_provider_k8s_inventory.sync.database import Connect


class Leads:
    """The leads that this process has; several threads may use it."""

    def __init__(self, connect: Connect, schema: str) -> None:
        """Connect to nothing yet.

        :param connect: opens a connection.
        :param schema: the schema of the tables.
        """
        self._connect = connect
        self._schema = schema
        self._lock = Lock()
        self._conn: psycopg.Connection | None = None
        self._term = 0

    def take(self, what: str) -> int | None:
        """Take a lead.

        :param what: what is led; others lead other things meanwhile.
        :returns: the term, for `is_kept`; None: another process leads it.
        :raises psycopg.Error: when the database does not respond; all leads are lost then.
        """
        with self._lock:
            try:
                return self._term if self._try(f"k8s_inventory/{self._schema}/{what} watched") else None
            except BaseException:
                self._lose()
                raise

    def is_kept(self, term: int) -> bool:
        """Tell if the leads of a term are ours still; it asks the database, which also keeps the session alive."""
        with self._lock:
            if term != self._term or self._conn is None:
                return False
            try:
                self._conn.execute("SELECT")
                return True
            except psycopg.Error:
                self._lose()
                return False

    def close(self) -> None:
        """Give all leads up."""
        with self._lock:
            self._lose()

    def _try(self, key: str) -> bool:
        if self._conn is None:
            conn = self._connect()
            sessions.fit(conn)
            self._conn = conn
        with self._conn.cursor() as cursor:
            return locking.try_for(cursor, key)

    def _lose(self) -> None:
        conn, self._conn = self._conn, None
        self._term += 1
        if conn:
            with suppress(psycopg.Error):
                conn.close()
