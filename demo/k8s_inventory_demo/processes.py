"""Processes that outlive the command that started them, and are found again by the next one; their ports and logs.

The callers say what runs in them. PostgreSQL has its own programs for all this: see `postgres.server`.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from airflow_provider_k8s_inventory.exceptions import InventoryError

START_WITHIN: Final = 60
"""Seconds a process may take to say that it is ready."""

STOP_WITHIN: Final = 10
"""Seconds a process may take to end when it is asked to."""


@dataclass(frozen=True, slots=True)
class Background:
    """At most one process; it holds the lock on `file` while it lives, so that a stale process id misleads nobody."""

    file: Path
    """Holds its process id."""
    log: Path
    """The file for its output, written anew at each start."""

    def running(self) -> int | None:
        """Return its process id; None: it does not run."""
        if not self.file.exists():
            return None
        with self.file.open("rb") as file:
            return None if _lock(file) else int(file.read())

    def start(self, command: Sequence[str | Path], *, ready: bytes) -> None:
        """Start it, and wait until its output has a line that begins with `ready`.

        :raises InventoryError: it runs already, it ended before it was ready, or did not get ready in time.
        """
        with self.file.open("ab") as lock:
            if not _lock(lock):
                raise InventoryError(f"{Path(command[0]).name} runs already, says {self.file}")
            process = self._spawn(command, lock)
        deadline = time.monotonic() + START_WITHIN
        while process.poll() is None and time.monotonic() < deadline:
            if any(line.startswith(ready) for line in self.log.read_bytes().splitlines()):
                # It is no longer ours to wait for, and Popen's finalizer would warn that nobody did.
                process.returncode = 0
                return
            time.sleep(0.02)
        self.stop()
        raise InventoryError(f"{Path(command[0]).name} did not get ready; {self.log} ends with:\n{tail(self.log)}")

    def stop(self) -> bool:
        """End it if it runs.

        :returns: whether it ran.
        """
        pid = self.running()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        while self.running() is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.running() is not None:
            os.kill(pid, signal.SIGKILL)
        return True

    def _spawn(self, command: Sequence[str | Path], lock: BinaryIO) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
        lock.truncate(0)
        lock.write(str(process.pid).encode())
        return process


def _lock(file: BinaryIO) -> bool:
    """Lock the file, unless somebody has; the lock is everybody's who inherits the open file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a file; empty when there is no such file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def free_port() -> int:
    """Find a TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def remembered_port(file: Path) -> int:
    """Return the port this file remembers, unless somebody else has taken it; else a free one, which it keeps."""
    if file.exists() and _available(port := int(file.read_text())):
        return port
    port = free_port()
    file.write_text(str(port))
    return port


def _available(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
