"""How much memory a process has and had, as Linux counts it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_SELF: Final = Path("/proc/self")


def reset_peak() -> float:
    """Count the peak from now on; gives what is resident now, in MB."""
    # https://docs.kernel.org/filesystems/proc.html, /proc/PID/clear_refs: 5 resets the peak resident set size.
    (_SELF / "clear_refs").write_text("5")
    return _read("VmRSS")


def peak() -> float:
    """The most that was resident since then, in MB."""
    return _read("VmHWM")


def resident(pid: int) -> float:
    """What is resident of another process now, in MB."""
    return _read("VmRSS", Path(f"/proc/{pid}"))


def _read(name: str, process: Path = _SELF) -> float:
    line = next(line for line in (process / "status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
