"""The end of a log, for the message of an error."""

from __future__ import annotations

from pathlib import Path


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a file; empty when there is no such file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
