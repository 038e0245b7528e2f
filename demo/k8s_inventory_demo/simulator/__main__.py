"""``python -m k8s_inventory_demo.simulator``: serve clusters as a process of their own.

Which clusters is the caller's business: it names a function that makes them, as the demo does.
"""

from __future__ import annotations

import pkgutil
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import SimpleQueue

import click

from k8s_inventory_demo.simulator.cluster import Cluster
from k8s_inventory_demo.simulator.simulator import Simulator

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
@click.option(
    "--apart",
    type=(str, click.Path(path_type=Path)),
    multiple=True,
    metavar="NAME PATH",
    help="Write the kubeconfig of one cluster to a file of its own; repeatable.",
)
@click.option(
    "--down", type=click.Path(path_type=Path), help="A file with the names of clusters that refuse connections."
)
def main(
    clusters: Maker,
    kubeconfig: Path,
    folder: Path | None,
    ports: dict[str, int],
    apart: Iterable[tuple[str, Path]],
    down: Path | None,
) -> None:
    """Serve simulated clusters until SIGTERM or SIGINT.

    MODULE:FUNCTION names the function that makes them. When they are served, a line READY with the kubeconfig's path
    is printed. The file of --down is read again at SIGHUP; it need not exist.
    """
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: signals.put(number))
    made = clusters()
    files = dict(apart)
    try:
        with Simulator(made, folder=folder, ports=ports) as simulator:
            names = [cluster.name for cluster in made]
            for name, path in files.items():
                simulator.kubeconfig(path, [name])
            _stop_and_start(simulator, names, down)
            click.echo(f"READY {simulator.kubeconfig(kubeconfig, [name for name in names if name not in files])}")
            while signals.get() == signal.SIGHUP:
                _stop_and_start(simulator, names, down)
    except OSError as error:
        raise click.ClickException(f"cannot serve the clusters: {error}; --port takes another port") from error


def _stop_and_start(simulator: Simulator, names: Iterable[str], down: Path | None) -> None:
    broken = down.read_text().split() if down and down.exists() else []
    for name in names:
        if name in broken:
            simulator.stop(name)
        else:
            simulator.start(name)


if __name__ == "__main__":
    main()
