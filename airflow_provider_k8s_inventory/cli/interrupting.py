"""End a command on Ctrl-C or SIGTERM: without a traceback, within two seconds, with the exit status shells expect.

What it has under way is ended as its blocks are left. What is interrupted before or behind a command is dealt with in
`airflow_provider_k8s_inventory.__main__`.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

_PATIENCE: Final = 1.5
"""Seconds for leaving in good order. A database or a name server that is silent may hold a thread longer; PostgreSQL
rolls back what a process leaves behind."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class _Interrupted(BaseException):
    """A signal asks to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def interruptible(command: _F) -> _F:
    """Let a command be ended by a signal at any time."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return command(*args, **kwargs)  # signals are the main thread's
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # as in a shell's background
                signal.signal(number, _interrupt)
        try:
            return command(*args, **kwargs)
        except _Interrupted as interrupted:
            print("Interrupted: what was not complete was not written.", file=sys.stderr)
            raise SystemExit(interrupted.status) from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    return wrapped  # type: ignore[return-value]


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    # A second signal changes nothing: the first has set the clock.
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    timer = threading.Timer(_PATIENCE, os._exit, [128 + number])
    timer.daemon = True
    timer.start()
    raise _Interrupted(number)
