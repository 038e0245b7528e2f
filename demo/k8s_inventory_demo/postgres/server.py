"""Start and stop a PostgreSQL server of our own, for the demo and the tests.

`programs` finds its programs, and `data` makes its files.
"""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from k8s_inventory_demo.postgres import data as postgres_data
from k8s_inventory_demo.postgres import programs as postgres_programs
from k8s_inventory_demo.processes import remembered_port, tail

START_WITHIN: Final = 60
"""Seconds a server may take to start; mostly it takes one."""


class PostgresServer:
    """A PostgreSQL server on 127.0.0.1, for whoever knows its password.

    Without a folder it is a throw-away: it lives in a temporary folder and ends with `stop`, with the context manager,
    and, on Linux, with the thread that started it. With a folder it persists: `start` takes the server that already
    runs there, and nothing but `stop` ends it; data, port and password stay. It never waits for the disk, so that a
    crash of the machine may cost the data.

    :param folder: where a persistent server keeps everything; None makes a throw-away.
    :param port: the TCP port; None takes the one the folder remembers, else a free one.
    :param programs: PostgreSQL's programs; None searches for them when they are needed.
    :param place: the folder a throw-away makes its own in; None: where temporary files go.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        programs: postgres_programs.Programs | None = None,
        place: Path | None = None,
    ) -> None:
        self.port = port
        self._folder = folder
        self._programs = programs
        self._throw_away_place = place
        self._files: postgres_data.DataFolder | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._folder or 'throw-away'} port={self.port}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is None:
            self.stop()

    def start(self) -> Self:
        """Start it, unless it runs.

        :raises DatabaseError: there is no PostgreSQL on this machine, or it does not start; with the end of its log.
        """
        self._files = files = self._files or self._place()
        if self._running():
            return self
        try:
            programs = self._runnable_programs(files)
            files.create(programs)
            self.port = self.port or remembered_port(files.port_file)
            self._launch(files, programs)
        except BaseException:
            if self._folder is None:
                self._throw_away()
            raise
        return self

    def stop(self) -> None:
        """End it if it runs, cutting its connections; a throw-away's data goes with it."""
        if self._folder is None:
            self._throw_away()
        elif self._folder.exists():
            self._files = files = self._place()
            if self._running():
                programs = self._runnable_programs(files)
                files.run([programs.folder / "pg_ctl", "stop", "-s", "-D", files.data, "-m", "fast"])

    def dsn(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases; it contains the password."""
        if self._files is None:
            raise DatabaseError("this PostgreSQL server is not started")
        password = self._files.password_file.read_text()
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    @property
    def version(self) -> str:
        """For example ``"18.6"``, as the running server says."""
        with self._administrator() as conn:
            major, minor = divmod(conn.info.server_version, 10_000)
        return f"{major}.{minor}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, perhaps as a copy of another one that nobody uses at the moment, and return its URL."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        with self._administrator() as conn:
            conn.execute(statement)
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, cutting the connections to it."""
        with self._administrator() as conn:
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _administrator(self) -> psycopg.Connection:
        return psycopg.connect(self.dsn(), autocommit=True)

    def _place(self) -> postgres_data.DataFolder:
        return postgres_data.at(self._folder) if self._folder else postgres_data.throw_away(self._throw_away_place)

    def _runnable_programs(self, files: postgres_data.DataFolder) -> postgres_programs.Programs:
        programs = self._programs or postgres_programs.find()
        if files.account and not programs.reachable():
            return programs.copied_below(files.base / "programs", files.account)
        return programs

    def _running(self) -> bool:
        """Tell if the server of our folder responds: nobody else's accepts our password."""
        postmaster = self._files and self._files.postmaster()
        if not postmaster or not postmaster.ready:
            return False
        wanted, self.port = self.port, postmaster.port
        try:
            self._administrator().close()
        except psycopg.OperationalError:
            self.port = wanted
            return False
        return True

    def _launch(self, files: postgres_data.DataFolder, programs: postgres_programs.Programs) -> None:
        if self._folder is None:
            server: list[str | Path] = [programs.folder / "postgres", "-D", files.data, "-p", str(self.port)]
            self._process = files.spawn(server, before=_end_with_this_thread())
            _wait_until_ready(files, self._process)
        else:
            waiting: list[str | Path] = ["-w", "-t", str(START_WITHIN), "-o", f"-p {self.port}"]
            files.run([programs.folder / "pg_ctl", "start", "-s", "-D", files.data, *waiting])

    def _throw_away(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._files:
            shutil.rmtree(self._files.base, ignore_errors=True)
            self._files = None


def _wait_until_ready(files: postgres_data.DataFolder, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        postmaster = files.postmaster()
        if postmaster and postmaster.pid == process.pid and postmaster.ready:
            return
        time.sleep(0.02)
    raise DatabaseError(f"PostgreSQL did not start; its log ends with:\n{tail(files.log)}")


def _end_with_this_thread() -> Callable[[], object] | None:
    """Let a new process be interrupted when the thread that made it ends, even when that is killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: between fork and exec there should be one system call only
    pr_set_pdeathsig = 1
    return lambda: prctl(pr_set_pdeathsig, signal.SIGINT)
