"""Measure a probe: each run in a new process, so that none finds what another left in memory.

What that process does is in `child`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.model import BenchmarkError, Measurement, Place

ROOT: Final = Path(__file__).parents[2]
_TAIL: Final = 2000
"""Characters of a failed process's output that are shown."""


def measure(
    probe: str,
    place: Place,
    options: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    checkout: Path | None = None,
) -> Measurement:
    """Run a probe once.

    :param probe: its module and name, as ``module:function``.
    :param options: its keyword arguments besides the place; JSON values.
    :param environment: all that its process is told; None: what we are told.
    :param checkout: the folder of another version of this repository, which is measured; None: this one.
    :raises BenchmarkError: it failed.
    """
    order = {"probe": probe, "place": asdict(place), "options": dict(options or {})}
    command = [sys.executable, "-m", "tests.benchmarks.child"]
    return Measurement(**json.loads(_run(command, environment, json.dumps(order), checkout)))


def measure_command(
    arguments: Sequence[str], environment: Mapping[str, str], checkout: Path | None = None
) -> tuple[Measurement, str]:
    """Run a Python module as a command, and time all of it, from start to end.

    :param arguments: the module and its arguments.
    :param environment: variables it is told besides ours.
    :param checkout: as for `measure`.
    :returns: the measurement, and the command's output.
    :raises BenchmarkError: it failed.
    """
    started = time.monotonic()
    output = _run([sys.executable, "-m", *arguments], {**os.environ, **environment}, checkout=checkout)
    return Measurement(seconds=time.monotonic() - started), output


def _run(
    command: Sequence[str], environment: Mapping[str, str] | None, order: str = "", checkout: Path | None = None
) -> str:
    # Python looks for modules where it is started first.
    folder = checkout or ROOT
    done = subprocess.run(
        command, input=order, capture_output=True, text=True, cwd=folder, env=environment, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command[1:4])} failed:\n{(done.stdout + done.stderr)[-_TAIL:]}")
    return done.stdout
