"""The process that serves the demo's clusters; what they hold is in `clusters`."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from airflow_provider_k8s_inventory.exceptions import InventoryError, UsageError
from k8s_inventory_demo.processes import Background, remembered_port

NAMES: Final = ("dev", "prod")
"""The clusters that Airflow syncs; their names are those of their contexts too."""

LAB: Final = "lab"
"""A cluster with custom resources, in a kubeconfig of its own, so that the first run is of the other two."""

_OBEY_WITHIN: Final = 10
"""Seconds a cluster may take to stop responding, or to respond again."""

_PACKAGE: Final = __name__.partition(".")[0]


def start(folder: Path) -> Path:
    """Serve them, unless they are served; ports, certificates and tokens are those of the last time.

    :param folder: where all of that is kept.
    :returns: the kubeconfig with the contexts that Airflow syncs.
    :raises InventoryError: they do not start.
    """
    kubeconfig = folder / "kubeconfig"
    process = _process(folder)
    if process.running() is None:
        fixed = [f"--port={name}={remembered_port(_port(folder, name))}" for name in (*NAMES, LAB)]
        what = f"{_PACKAGE}.clusters:with_lab"
        options = [f"--kubeconfig={kubeconfig}", f"--folder={folder / 'certificates'}", f"--down={_down(folder)}"]
        apart = ["--apart", LAB, str(lab(folder))]
        process.start([sys.executable, "-m", f"{_PACKAGE}.simulator", what, *options, *fixed, *apart], ready=b"READY")
    return kubeconfig


def lab(folder: Path) -> Path:
    """Name the kubeconfig of the cluster `lab`."""
    return folder / "lab"


def stop(folder: Path) -> bool:
    """Stop serving them; the next start is without faults.

    :returns: whether they were served.
    """
    _down(folder).unlink(missing_ok=True)
    return _process(folder).stop()


def broken(folder: Path) -> Sequence[str]:
    """Name the clusters that were broken."""
    return _down(folder).read_text().split() if _down(folder).exists() else []


def set_broken(folder: Path, name: str, *, is_broken: bool) -> None:
    """Let a cluster refuse all connections, or respond again with the objects it had.

    :raises UsageError: there is no such cluster, or none is served.
    :raises InventoryError: it does not obey.
    """
    if name not in (*NAMES, LAB):
        raise UsageError(f"no simulated cluster {name!r}: there are {', '.join((*NAMES, LAB))}")
    pid = _process(folder).running()
    if pid is None:
        raise UsageError(f"the simulated clusters of {folder} do not run: `make demo` starts them")
    left = [each for each in broken(folder) if each != name]
    _down(folder).write_text("\n".join([*left, name] if is_broken else left))
    os.kill(pid, signal.SIGHUP)
    deadline = time.monotonic() + _OBEY_WITHIN
    while _refuses(folder, name) is not is_broken:
        if time.monotonic() > deadline:
            raise InventoryError(f"the cluster {name} does not obey; see {folder / 'clusters.log'}")
        time.sleep(0.02)


def _refuses(folder: Path, name: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(_port(folder, name).read_text())), timeout=1).close()
    except OSError:
        return True
    return False


def _port(folder: Path, name: str) -> Path:
    return folder / f"{name}.port"


def _down(folder: Path) -> Path:
    return folder / "clusters.broken"


def _process(folder: Path) -> Background:
    return Background(folder / "clusters.pid", folder / "clusters.log")
