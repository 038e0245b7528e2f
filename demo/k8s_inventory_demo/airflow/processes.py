"""The long-running processes of the demo's Airflow: they start together, and end together.

`home` makes their environment, and `ui` waits for them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from airflow_provider_k8s_inventory.exceptions import InventoryError

AIRFLOW: Final = (sys.executable, "-m", "airflow")
"""The command line of the Airflow in this environment."""

# Not `airflow standalone`: its log servers listen on every network of the machine, and the demo needs none.
_COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
}
TRIGGERER: Final[Mapping[str, tuple[str, ...]]] = {"triggerer": ("--skip-serve-logs",)}
"""A further component, for what waits for events."""

_START_WITHIN: Final = 120
"""Seconds they may take for what they are waited for; mostly it is 20."""

_STOP_WITHIN: Final = 20
"""Seconds they may take to end when they are asked to."""


class AirflowProcesses:
    """API server, scheduler and DAG processor, while the ``with`` block lasts.

    :param environment: theirs, whole.
    :param logs: the folder for the output of each.
    :param also: further components, with their options.
    """

    def __init__(
        self, environment: Mapping[str, str], logs: Path, also: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    ) -> None:
        self._environment = environment
        self._logs = logs
        self._components = {**_COMPONENTS, **also}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        for name in self._components:
            self._start(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_WITHIN
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))
        self._signal(signal.SIGKILL)
        for process in self._processes.values():
            process.wait()

    def kill(self, name: str) -> None:
        """Kill one of them and all it started, and start it again."""
        process = self._processes[name]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._start(name)

    def _start(self, name: str) -> None:
        with self._log(name).open("ab") as log:
            # In a session of its own, so that Ctrl-C reaches us alone, and that a signal reaches all it started.
            self._processes[name] = subprocess.Popen(
                [*AIRFLOW, name, *self._components[name]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )

    def check(self) -> None:
        """See that all are alive.

        :raises InventoryError: one has ended.
        """
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise InventoryError(f"Airflow's {name} has ended; see {self._log(name)}")

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for what they are to do.

        :raises InventoryError: one has ended, or it takes too long.
        """
        deadline = time.monotonic() + _START_WITHIN
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise InventoryError(f"Airflow was not ready in {_START_WITHIN} s; see {self._log('*')}")
            time.sleep(0.2)

    def _log(self, name: str) -> Path:
        return self._logs / f"airflow-{name}.log"

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
