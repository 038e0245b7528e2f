"""Run a command that prints credentials: nothing to answer it, a time limit, and its output kept to ourselves.

`execcredentials` understands what it prints.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from airflow_provider_k8s_inventory.kube import stopping

TIMEOUT: Final[float] = 60
"""Seconds; logging in to a cloud takes up to ten."""
LARGEST: Final = 1 << 20
"""Bytes it may print; a credential has some kilobytes."""
_PIECE: Final = 1 << 16
_POLL: Final = 0.01
"""Seconds between two looks whether a process that has printed all has ended."""


class CommandError(Exception):
    """It gave nothing; the message goes on from the command's name."""

    def __init__(self, message: str, *, missing: bool = False, started: bool = False, said: str = "") -> None:
        super().__init__(message)
        self.started = started
        """False when the system could not start it, so that it has said nothing."""
        self.missing = missing
        """True when there is no such command."""
        self.said = said
        """All it wrote to standard error, as it came. It may hold credentials."""


def run(command: Sequence[str], environ: Mapping[str, str], *, timeout: float | None = None) -> bytes:
    """Return what the command prints on standard output.

    :param timeout: seconds; None means `TIMEOUT`.
    :raises CommandError: when it cannot be started, fails, takes too long, or prints too much.
    """
    stopping.current().check()
    try:
        process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # no terminal to ask on, and a group that can be ended as one
        )
    except FileNotFoundError:
        if shutil.which(command[0], path=environ.get("PATH")):
            raise CommandError(
                "cannot be started: its first line names no program; are its line ends those of Windows?"
            ) from None
        raise CommandError("is not on this machine", missing=True) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "an argument or variable holds NUL, or a name ="
        raise CommandError(f"cannot be started: {why}") from None
    output, errors = bytearray(), bytearray()
    limit = TIMEOUT if timeout is None else timeout
    with process:
        try:
            with stopping.current().calling(lambda: _end(process)):
                why = _collect(process, output, errors, limit)
        finally:
            if process.poll() is None:
                _end(process)
    stopping.current().check()
    if why := why or (f"failed with exit status {process.returncode}" if process.returncode else ""):
        raise CommandError(why, started=True, said=errors.decode(errors="replace"))
    return bytes(output)


def _collect(process: subprocess.Popen[bytes], output: bytearray, errors: bytearray, limit: float) -> str:
    """Wait for the process to end, and collect what it prints; why it is to be ended, ``""`` when it has ended.

    A helper that it leaves behind may keep standard error open, as kubectl, which hands on its own, does not notice.
    When it keeps standard output open, for which kubectl waits for ever, the limit ends the wait.
    """
    ends = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        printing = selector.register(process.stdout, selectors.EVENT_READ, output)  # type: ignore[arg-type]
        selector.register(process.stderr, selectors.EVENT_READ, errors)  # type: ignore[arg-type]
        while True:
            printed = printing.fd not in selector.get_map()
            ended = printed and process.poll() is not None
            left = ends - time.monotonic()
            ready = selector.select(0 if ended else min(left, _POLL) if printed else left)
            for key, _ in ready:
                if piece := os.read(key.fd, _PIECE):
                    key.data.extend(piece)
                else:
                    selector.unregister(key.fileobj)
            if len(output) + len(errors) > LARGEST:
                return f"printed more than {LARGEST >> 20} MiB"
            if ended:
                return ""
            if left <= 0:
                return "" if output and process.poll() is not None else f"did not end within {limit:g} seconds"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
