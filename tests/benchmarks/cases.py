"""What is measured of one cluster's pods: each case with where it starts from and how a sync is asked for.

How the start is reached is in `stage`; cases that need other clusters are in `fleets` and `dags`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.model import Measurement, Results
from tests.benchmarks.stage import PLAIN, Stage

PLAIN_UP_TO: Final = 20_000
"""The plain way takes minutes beyond, and its figures grow with the pods."""

Options = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One line of the table."""

    name: str
    """As ``--only`` takes it."""
    title: str
    probe: str
    start: Callable[[Stage], Options]
    """Brings the stage to where the case starts, and gives the probe's options."""
    before: bool = False
    """Whether it is measured of another version."""
    repeats: int = 1
    """How often it is measured in each run."""

    @property
    def plain(self) -> bool:
        """Whether it is the way without this package: run once, in Airflow's environment."""
        return self.probe.startswith("plain:")

    @property
    def syncs(self) -> bool:
        """Whether it is a sync of this package."""
        return self.probe == "probes:pods"

    def run(self, stage: Stage) -> Measurement:
        """Measure it once."""
        options = self.start(stage)
        return stage.measure(f"tests.benchmarks.{self.probe}", options, in_airflow=self.plain)


def _nowhere(_: Stage) -> Options:
    return {}


def _whole(_: Stage) -> Options:
    return {"kind": "application/json"}


def _metadata(_: Stage) -> Options:
    return {"kind": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}


def _from_nothing(stage: Stage) -> Options:
    stage.empty()
    return {}


def _from_nothing_without_object(stage: Stage) -> Options:
    stage.empty()
    return {"store_object": False}


def _from_the_same(stage: Stage) -> Options:
    stage.sync()
    stage.cluster.stir()
    return {}


def _from_one_percent_changed(stage: Stage) -> Options:
    stage.change(stage.size // 100)
    stage.cluster.stir()
    return {}


def _from_100_changed(stage: Stage) -> Options:
    stage.change(100)
    return {"mode": "delta"}


def _from_100_changed_and_more(stage: Stage) -> Options:
    options = _from_100_changed(stage)
    stage.cluster.stir()
    return options


def _from_all_changed(stage: Stage) -> Options:
    stage.change(stage.size)
    return {}


def _without_history(start: Callable[[Stage], Options]) -> Callable[[Stage], Options]:
    """Begin in the same way, and keep no history."""
    return lambda stage: start(stage) | {"history": False}


def _whole_from(start: Callable[[Stage], Options]) -> Callable[[Stage], Options]:
    """Begin in the same way, and read all objects."""
    return lambda stage: start(stage) | {"mode": "full"}


def _plain_from_nothing(stage: Stage) -> Options:
    stage.empty_plain()
    return {"table": PLAIN}


def _plain_from_the_same(stage: Stage) -> Options:
    stage.fill_plain()
    return {"table": PLAIN}


LIST: Final = Case(name="list", title="bare list, thrown away", probe="probes:bare_list", start=_nowhere)
"""What the others are compared with."""

CASES: Final = (
    LIST,
    Case(name="watch-list", title="the same by WatchList", probe="probes:watch_list", start=_whole),
    Case(name="metadata", title="bare list of metadata", probe="probes:bare_metadata", start=_nowhere),
    Case(name="watch-metadata", title="the same by WatchList", probe="probes:watch_list", start=_metadata),
    Case(name="copy", title="bare COPY of the rows", probe="probes:bare_copy", start=Stage.copy_options),
    Case(name="columns", title="first sync, without object", probe="probes:pods", start=_from_nothing_without_object),
    Case(name="first", title="first sync", probe="probes:pods", start=_from_nothing),
    Case(name="before", title="first sync, before", probe="probes:pods", start=_from_nothing, before=True),
    Case(name="unchanged", title="nothing changed, auto", probe="probes:pods", start=_from_the_same),
    Case(name="before-again", title="nothing changed, before", probe="probes:pods", start=_from_the_same, before=True),
    Case(name="changed", title="1 % changed, auto", probe="probes:pods", start=_from_one_percent_changed),
    Case(
        name="before-changed",
        title="1 % changed, before",
        probe="probes:pods",
        start=_from_one_percent_changed,
        before=True,
    ),
    Case(name="delta", title="100 changed, delta", probe="probes:pods", start=_from_100_changed, repeats=3),
    # Then only a bookmark proves that every change has come, and that a server sends when its timer says so.
    Case(
        name="delta-waits",
        title="100 changed, others too, delta",
        probe="probes:pods",
        start=_from_100_changed_and_more,
        repeats=3,
    ),
    *(
        each
        for name, title, start in (
            ("history-first", "first sync", _from_nothing),
            ("history-unchanged", "nothing changed, auto", _from_the_same),
            ("history-unchanged-full", "nothing changed, full", _whole_from(_from_the_same)),
            ("history-changed", "1 % changed, auto", _from_one_percent_changed),
            ("history-changed-full", "1 % changed, full", _whole_from(_from_one_percent_changed)),
            ("history-all-changed", "every pod changed", _from_all_changed),
        )
        for each in (
            Case(name=name, title=f"{title}, with history", probe="probes:pods", start=start),
            Case(
                name=f"{name}-off",
                title=f"{title}, without history",
                probe="probes:pods",
                start=_without_history(start),
            ),
        )
    ),
    Case(name="plain", title="plain Airflow, first", probe="plain:pods", start=_plain_from_nothing),
    Case(name="plain-again", title="plain Airflow, again", probe="plain:pods", start=_plain_from_the_same),
)


def run(
    stage: Stage,
    results: Results,
    cases: Sequence[Case],
    *,
    before: Stage | None,
    sizes: Iterable[int],
    runs: int,
    say: Callable[[str], None],
) -> None:
    """Measure cases for growing numbers of pods, in turns, so that a busy moment of the machine hits all alike.

    Every other turn goes backwards: a case may leave work behind, as a list does in the API server.

    :param before: the stage of another version; None: there is none.
    :param say: is told what was just done.
    :raises BenchmarkError: a case failed.
    """
    for size in sorted(sizes):
        say(f"creating pods until there are {size:,}")
        stage.cluster.grow(size)
        LIST.run(stage)  # the server's caches are warm from now on
        for number in range(1, runs + 1):
            for case in cases if number % 2 else reversed(cases):
                if case.plain and (number > 1 or size > PLAIN_UP_TO):
                    continue
                for _ in range(case.repeats):
                    measurement = case.run(before if case.before and before else stage)
                    results.add(case.name, measurement, size)
                    say(f"{size:,} pods, run {number}, {case.title}: {measurement.seconds:.2f} s")
