"""``python -m airflow_provider_k8s_inventory.simulator``: serve clusters as a process of their own.

Which clusters is the caller's business: it names a function that makes them, as the demo does.
"""

from __future__ import annotations

import pkgutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import click

from airflow_provider_k8s_inventory.simulator.cluster import Cluster
from airflow_provider_k8s_inventory.simulator.simulator import Simulator

Maker = Callable[[], list[Cluster]]


def _maker(context: click.Context, parameter: click.Parameter, value: str) -> Maker:
    try:
        function: Maker = pkgutil.resolve_name(value)
    except (ValueError, ImportError, AttributeError) as error:
        raise click.BadParameter(f"{value!r} names no function: {error}") from error
    if not callable(function):
        raise click.BadParameter(f"{value!r} is not a function")
    return function


def _ports(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    pairs = [value.partition("=") for value in values]
    if wrong := next(("".join(pair) for pair in pairs if not (pair[0] and pair[2].isdecimal())), None):
        raise click.BadParameter(f"{wrong!r} is not of the form dev=6443")
    return {name: int(port) for name, _, port in pairs}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("clusters", callback=_maker, metavar="MODULE:FUNCTION")
@click.option("--kubeconfig", type=click.Path(path_type=Path), required=True, help="Where to write the kubeconfig.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where certificates are kept for the next start.")
@click.option(
    "--port",
    "ports",
    callback=_ports,
    multiple=True,
    metavar="NAME=PORT",
    help="A fixed port for one cluster; repeatable.",
)
def main(clusters: Maker, kubeconfig: Path, folder: Path | None, ports: dict[str, int]) -> None:
    """Serve simulated clusters until SIGTERM or SIGINT.

    MODULE:FUNCTION names the function that makes them. When all of them answer, a line READY with the
    kubeconfig's path is printed.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Simulator(clusters(), folder=folder, ports=ports) as simulator:
            click.echo(f"READY {simulator.kubeconfig(kubeconfig)}")
            stop.wait()
    except OSError as error:
        raise click.ClickException(f"cannot serve the clusters: {error}; --port takes another port") from error


if __name__ == "__main__":
    main()
