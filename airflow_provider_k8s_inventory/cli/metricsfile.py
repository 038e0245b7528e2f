"""``--metrics-file``: the metrics of a run for the textfile collector of Prometheus' node exporter."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from airflow_provider_k8s_inventory.cli import logs
from airflow_provider_k8s_inventory.metrics import declared
from airflow_provider_k8s_inventory.metrics.series import Series
from airflow_provider_k8s_inventory.metrics.text import text
from airflow_provider_k8s_inventory.sync.verdicts import Verdict


def checked(context: click.Context, parameter: click.Parameter, value: Any) -> Path | None:
    """Take a path in a folder that exists.

    :raises BadParameter: when there is no such folder: a run of an hour must not end with it.
    """
    if value is None:
        return None
    path = Path(value)
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(path.parent)!r}", context, parameter)
    return path


option = click.option(
    "--metrics-file",
    type=click.Path(dir_okay=False),
    callback=checked,
    metavar="PATH",
    help="Write the metrics of the run there, for the node exporter's textfile collector; its name ends in .prom.",
)


def write(path: Path | None, judged: Sequence[Verdict]) -> None:
    """Replace the file as a whole; a sync is no worse for one that cannot be written.

    :param path: None: nobody wants it.
    """
    if path is None:
        return
    series = Series()
    for each in judged:
        series.add(declared.samples(each.report, each.good_at))
    try:
        _replace(path, text(series.samples(), total=False).encode())
    except OSError as error:
        said = f"warning: the metrics could not be written to {path}: {error.strerror}"
        logs.say(said, err=True, level=logging.WARNING)


def _replace(path: Path, content: bytes) -> None:
    # The collector reads every *.prom of its folder: what is not whole yet has another name.
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with open(number, "wb") as file:
            file.write(content)
            # The node exporter is another user.
            os.fchmod(file.fileno(), 0o644)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
