"""The process that serves the demo's two clusters; what they hold is in `clusters`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from airflow_provider_k8s_inventory.demo import ports
from airflow_provider_k8s_inventory.demo.background import Background

NAMES: Final = ("dev", "prod")
"""Their names, which are those of their contexts too."""

_PACKAGE: Final = __name__.partition(".")[0]


def start(folder: Path) -> Path:
    """Serve them, unless they are served; ports, certificates and tokens are those of the last time.

    :param folder: where all of that is kept.
    :returns: the kubeconfig with their contexts.
    :raises InventoryError: they do not start.
    """
    kubeconfig = folder / "kubeconfig"
    process = _process(folder)
    if process.running() is None:
        fixed = [f"--port={name}={ports.remembered(folder / f'{name}.port')}" for name in NAMES]
        what = f"{_PACKAGE}.demo.clusters:clusters"
        options = [f"--kubeconfig={kubeconfig}", f"--folder={folder / 'certificates'}", *fixed]
        process.start([sys.executable, "-m", f"{_PACKAGE}.simulator", what, *options], ready=b"READY")
    return kubeconfig


def stop(folder: Path) -> bool:
    """Stop serving them; whether they were served."""
    return _process(folder).stop()


def _process(folder: Path) -> Background:
    return Background(folder / "clusters.pid", folder / "clusters.log")
