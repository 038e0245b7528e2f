"""Standard output and error as they are: in any encoding, closed, full, or read by somebody who leaves early."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterable
from typing import Any, Final, TextIO

_PLAIN: Final = str.maketrans({"·": "-", "✓": "+", "✗": "x", "…": ".", "─": "-", "━": "-", "→": ">"})
"""Our own signs in ASCII, each as wide as before, so that tables stay aligned."""

_HANDLER: Final = "k8s-inventory"


class _Output(io.FileIO):
    """A file that swallows the rest when its reader has left: ``| head`` shall neither end a sync nor fail it."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            _silence(self.fileno())
            return len(memoryview(data))


def prepare() -> None:
    r"""Let no character that an encoding lacks, no closed stream and no reader that leaves end the program.

    The names of contexts and objects may hold any character; one that cannot be shown is written as ``\u2713``.
    """
    # Else the next file or socket gets the number of a closed stream, and what is printed would go there.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    codecs.register_error(_HANDLER, _plainly)
    sys.stdout = _tolerant(sys.stdout)
    sys.stderr = _tolerant(sys.stderr)


def finish() -> str | None:
    """Write what is held back; why that cannot be done. Nothing is written from there on."""
    said = None
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it was closed
                stream.flush()
        except OSError as error:
            said = error.strerror
            _silence(stream.fileno())
    return said


def decoded(words: Iterable[str]) -> list[str]:
    """Decode words of the command line or the environment as UTF-8, where the locale could not."""
    # A kubeconfig is UTF-8 whatever the locale; what a locale cannot decode, Python keeps as surrogates (PEP 383).
    return [os.fsencode(word).decode("utf-8", "surrogateescape") if not word.isprintable() else word for word in words]


def _tolerant(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):  # closed, or somebody's who embeds us
        return stream
    try:
        raw = _Output(stream.fileno(), "wb", closefd=False)
    except io.UnsupportedOperation:  # no file of the operating system
        stream.reconfigure(errors=_HANDLER)
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=_HANDLER,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _silence(number: int) -> None:
    """Let a stream lead nowhere, also for the interpreter, which flushes it at the end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(_PLAIN)
    return plain.encode("ascii", "backslashreplace").decode("ascii"), error.end
