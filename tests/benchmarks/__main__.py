"""``python -m tests.benchmarks``: measure everything, or some of it, and print the tables.

What is measured is in `cases`, `fleets` and `dagruns`; what it should reach is in `bars`.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final

import click
import psycopg
from k8s_inventory_demo.postgres.programs import Programs
from k8s_inventory_demo.postgres.server import PostgresServer

from airflow_provider_k8s_inventory.postgres import storage
from tests.benchmarks import asking, bars, cases, clusters, figures, fleets, questions, tables, watches
from tests.benchmarks.model import BenchmarkError, Results
from tests.benchmarks.stage import Stage
from tests.clusters import programs
from tests.kit.cluster import LiveCluster, live_cluster

NAMES: Final = (*(case.name for case in cases.CASES), "ask", "history-ask", "small", "crds", "many", "dag", "watch")


@dataclass(kw_only=True, slots=True)
class Bench:
    """One run of the command: what was chosen, and what came of it so far."""

    server: PostgresServer
    real: bool
    feature_gates: Mapping[str, bool]
    sizes: list[int]
    runs: int
    only: Sequence[str]
    before: Path | None
    """A checkout of another version."""
    watch_seconds: int
    """The length of each of the two loads of a watch."""
    results: Results = field(default_factory=Results)
    about: list[str] = field(default_factory=list)
    """Lines on what it was measured with."""

    def measure(self) -> None:
        """Measure what was chosen."""
        self.about.append(f"{os.cpu_count()} CPUs, Python {platform.python_version()}; load average before: {_load()}")
        self.about.append(_database(self.server))
        chosen = [case for case in cases.CASES if case.name in self.only or case is cases.LIST]
        if not self.before:
            chosen = [case for case in chosen if not case.before]
        if chosen != [cases.LIST] or "list" in self.only:
            self._pods(chosen)
        if "ask" in self.only:
            pods = max(*self.sizes, questions.FEWEST if self.only is NAMES else 0)
            questions.ask(self.results, self.server, pods, runs=self.runs, say=say)
        if "history-ask" in self.only:
            asking.ask(self.results, self.server, max(*self.sizes, 0), runs=self.runs, say=say)
        for name, others in (
            ("small", self._small),
            ("crds", self._crds),
            ("many", self._many),
            ("dag", self._dag),
            ("watch", self._watch),
        ):
            if name in self.only:
                with _folder() as folder:
                    others(folder)
        self.about.append(f"load average after, with what was measured: {_load()}")

    def _pods(self, chosen: Sequence[cases.Case]) -> None:
        with ExitStack() as stack:
            folder = stack.enter_context(_folder())
            cluster = clusters.PodCluster(stack.enter_context(self._cluster(folder)), folder)
            stage = stack.enter_context(Stage(cluster, self.server.create_database("pods"), folder))
            before = None
            if self.before:
                before = Stage(cluster, self.server.create_database("before"), folder, self.before)
                stack.enter_context(before)
            gates = "".join(f", {gate}={str(on).lower()}" for gate, on in self.feature_gates.items())
            self.about.append(f"Pods: {cluster.description}{gates}, over TLS on loopback, without compression")
            cases.run(stage, self.results, chosen, before=before, sizes=self.sizes, runs=self.runs, say=say)

    def _cluster(self, folder: Path) -> AbstractContextManager[LiveCluster]:
        gates = self.feature_gates
        return live_cluster(clusters.CONTEXT, folder, real=self.real, controllers=False, feature_gates=gates)

    def _small(self, folder: Path) -> None:
        fleets.small(self.results, self.server, folder, real=self.real, runs=self.runs, say=say)

    def _crds(self, folder: Path) -> None:
        fleets.crds(self.results, self.server, folder, runs=self.runs, say=say)

    def _many(self, folder: Path) -> None:
        fleets.many(self.results, self.server, folder, runs=self.runs, say=say)

    def _dag(self, folder: Path) -> None:
        # Importing it settles the environment of every Airflow that this process starts.
        from tests.benchmarks import dagruns

        self.about.append(
            f"Airflow {metadata.version('apache-airflow')}, LocalExecutor, {dagruns.TASKS_AT_A_TIME} tasks at a time"
        )
        dagruns.run(self.results, self.server, folder, real=self.real, runs=self.runs, say=say)

    def _watch(self, folder: Path) -> None:
        watches.watch(self.results, self.server, folder, seconds=self.watch_seconds, say=say)

    def grids(self) -> Iterator[tables.Grid]:
        """All tables."""
        found = (*(figures.of_pods(self.results, size) for size in self.sizes), figures.of_others(self.results))
        yield from (grid for grid in found if grid)
        yield bars.grid(self.results, self.sizes)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--pods",
    "sizes",
    type=int,
    multiple=True,
    default=(1_000, 20_000),
    show_default=True,
    help="Repeatable; also 100000.",
)
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--only", type=click.Choice(NAMES), multiple=True, help="Repeatable. The bare list comes with every case of pods."
)
@click.option("--control-plane", type=click.Choice(["real", "simulator"]), help="[default: real where one is built]")
@click.option(
    "--feature-gate",
    "feature_gates",
    multiple=True,
    metavar="NAME=BOOL",
    callback=lambda *given: {name: on == "true" for name, _, on in (each.partition("=") for each in given[2])},
    help="Repeatable; of the API server with the pods.",
)
@click.option(
    "--postgres-bin",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with another PostgreSQL's programs.",
)
@click.option(
    "--before",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A checkout of another version, whose syncs are measured in turn with this one's.",
)
@click.option(
    "--watch-seconds",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="The length of each of the two loads of a watch; the bars are meant for 600.",
)
@click.option("--markdown", is_flag=True, help="For the README.")
def main(
    sizes: tuple[int, ...],
    runs: int,
    only: tuple[str, ...],
    control_plane: str | None,
    feature_gates: Mapping[str, bool],
    postgres_bin: Path | None,
    before: Path | None,
    watch_seconds: int,
    markdown: bool,
) -> None:
    """Measure what syncs cost, against the bare list, the bare COPY and the plain Airflow way."""
    if sys.platform != "linux":
        raise click.UsageError("the memory of a process is measured as Linux counts it")
    with PostgresServer(programs=Programs(postgres_bin) if postgres_bin else None) as server:
        real = _built() if control_plane is None else control_plane == "real"
        if feature_gates and not real:
            raise click.UsageError("the simulator has no feature gates")
        bench = Bench(
            server=server,
            real=real,
            feature_gates=feature_gates,
            sizes=sorted(set(sizes)),
            runs=runs,
            only=only or NAMES,
            before=before and before.resolve(),
            watch_seconds=watch_seconds,
        )
        try:
            bench.measure()
        except BenchmarkError as error:
            raise click.ClickException(str(error)) from error
        finally:
            if bench.results.measurements:  # also when something failed after half an hour
                tables.show(bench.about, bench.grids(), markdown=markdown)


def say(line: str) -> None:
    """Show how far it is."""
    click.echo(line, err=True)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="k8s-inventory-bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _built() -> bool:
    try:
        programs.find()
    except FileNotFoundError:
        say("no real control plane is built (.ci/build-control-plane does): the simulator stands in")
        return False
    return True


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _database(server: PostgresServer) -> str:
    with psycopg.connect(server.dsn()) as conn, conn.cursor() as cursor:
        objects = "compresses objects with lz4" if storage.has_lz4(cursor) else "keeps objects uncompressed"
    return f"PostgreSQL {server.version}, fsync off, {objects}"


if __name__ == "__main__":
    main()
