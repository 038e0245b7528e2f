"""CPU that the processes took which this one started, as Linux counts it: what a wait was for.

What the measured process itself took is in its own answer, see `child`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_CLUSTER: Final = frozenset({"etcd", "kube-apiserver"})
_DATABASE: Final = frozenset({"postgres"})


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds."""

    cluster: float
    """Of etcd and kube-apiserver; and of this process, in which a simulated cluster lives."""
    database: float
    """Of all PostgreSQL processes."""

    @classmethod
    def now(cls) -> Self:
        """What was taken so far."""
        found = list(_descendants())
        cluster = sum(process.seconds for process in found if process.name in _CLUSTER)
        database = sum(process.seconds for process in found if process.name in _DATABASE)
        return cls(cluster + time.process_time(), database)

    def __sub__(self, earlier: Usage) -> Usage:
        return Usage(self.cluster - earlier.cluster, self.database - earlier.database)


def seconds_of(pid: int) -> float:
    """CPU seconds that one process took so far."""
    return _read(Path(f"/proc/{pid}/stat").read_text()).seconds


@dataclass(frozen=True, slots=True)
class _Process:
    id: int
    parent: int
    name: str
    seconds: float
    """With those of its children that have ended."""


def _descendants() -> Iterable[_Process]:
    family = {os.getpid()}
    # A process is younger than its parent, and has a greater id unless the ids began anew meanwhile.
    for process in sorted(_all(), key=lambda process: process.id):
        if process.parent in family:
            family.add(process.id)
            yield process


def _all() -> Iterable[_Process]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                yield _read((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):  # it has ended
                continue


def _read(stat: str) -> _Process:
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the name may hold spaces and brackets.
    before, _, after = stat.rpartition(")")
    pid, _, name = before.partition(" (")
    fields = after.split()
    return _Process(int(pid), int(fields[1]), name, sum(map(int, fields[11:15])) / _TICKS)
