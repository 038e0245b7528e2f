"""Child processes of the tests: they log to a file, and none outlives the tests.

What the programs are and how they are started is in `control_plane`.
"""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


class NotReadyError(Exception):
    """What was waited for did not happen in time; the message ends with the log's last lines."""


class Process:
    """A program that runs until `stop`, or until the tests themselves end, however they end."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        # Without setpriv (util-linux) a test run that is killed leaves its children behind; nothing else is lost.
        setpriv = shutil.which("setpriv")
        end_with_us = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        with log.open("ab") as output:
            self._child = subprocess.Popen([*end_with_us, *arguments], stdout=output, stderr=subprocess.STDOUT)
        self.name = Path(arguments[0]).name

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def stop(self, *, seconds: float = 1) -> None:
        """Ask it to end, and make it when it does not within the time."""
        self._child.terminate()
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 60) -> None:
        """Wait for it to become ready.

        :raises NotReadyError: it ended, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise NotReadyError(f"{self.name} ended with status {self._child.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise NotReadyError(f"{self.name} is not ready after {seconds:.0f} s\n{self.tail()}")
            time.sleep(0.02)

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    """Find a port that nothing listens on, and that stays ours while the server behind it is stopped.

    Linux takes the local ports of outgoing connections from 32768 upwards
    (https://docs.kernel.org/networking/ip-sysctl.html, ip_local_port_range), so we stay below.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_768), 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NotReadyError("200 ports between 20000 and 32767 were tried, and none is free")
