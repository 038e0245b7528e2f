"""Run a command that prints credentials: nothing to answer it, a time limit, and its output kept to ourselves.

What is printed is understood in `execplugins`.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

TIMEOUT: Final[float] = 60
"""Seconds; logging in to a cloud takes up to ten."""
LONGEST_EXCERPT: Final = 500
"""Characters of standard error that an error quotes: the last ones, as they say why."""


class CommandError(Exception):
    """It gave nothing; the message goes on from the command's name."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing
        """Whether there is no such command."""


def run(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    redact: Callable[[str], str] = str,
    timeout: float | None = None,
) -> bytes:
    """What the command prints on standard output.

    :param redact: blots secrets out of what an error quotes.
    :param timeout: seconds; None means `TIMEOUT`.
    :raises CommandError: when it cannot be started, fails, or takes too long.
    """
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
        raise CommandError("is not on this machine", missing=True) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its arguments or variables hold NUL"
        raise CommandError(f"cannot be started: {why}") from None
    limit = TIMEOUT if timeout is None else timeout
    with process:
        try:
            output, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            raise CommandError(f"did not end within {limit:g} seconds") from None
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        raise CommandError(
            f"failed with exit status {process.returncode}{_said(redact(errors.decode(errors='replace')))}"
        )
    return output


def _said(errors: str) -> str:
    text = " ".join(errors.split())
    text = "".join(character for character in text if character.isprintable())
    return f" and said: {text[-LONGEST_EXCERPT:]}" if text else " and said nothing"
