"""What the figures should reach, and whether they do.

Most bars hold for 20,000 pods; a bar whose cases were not measured is still shown, so that nobody takes it for met.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.benchmarks import asking, fleets, questions, watches
from tests.benchmarks.cases import CASES
from tests.benchmarks.model import Results
from tests.benchmarks.tables import Grid

SIZE: Final = 20_000
_LISTS: Final = (("columns", 1.3), ("unchanged", 0.28), ("changed", 0.7))
_BARE: Final = 1.2
"""A first sync reads and writes at the same time."""
_BEFORE: Final = (("first", "before", 1.2), ("changed", "before-changed", 1.5), ("unchanged", "before-again", 1.0))
"""Against another version: more columns and summaries may cost a fifth where rows are written, and history a quarter of
that where they change."""
_CPU: Final = 1.2
_PLAIN: Final = (("first", "plain", 13.0), ("unchanged", "plain-again", 50.0))
_TITLES: Final = {
    "first": "first sync",
    "columns": "first sync, without object",
    "unchanged": "nothing changed, auto",
    "changed": "1 % changed, auto",
}
_WRITING_HISTORY: Final = {
    "history-first": 1.02,
    "history-unchanged": 1.05,
    "history-unchanged-full": 1.05,
    "history-changed": 1.25,
    "history-changed-full": 1.25,
    "history-all-changed": 1.6,
}
_SYNCS: Final = ("first", "columns", "unchanged", "changed", "delta", "delta-waits")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A figure and its limit."""

    text: str
    limit: float
    measured: float | None
    """None: it was not."""
    unit: str
    at_least: bool = False
    """Whether the figure should be above the limit."""

    @property
    def met(self) -> bool | None:
        """Whether it is; None when there is no figure."""
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def row(self) -> tuple[str, ...]:
        """Its line in the table."""
        sign = "≥" if self.at_least else "≤"
        measured = "not measured" if self.measured is None else f"{self.measured:,.4g} {self.unit}"
        return (
            self.text,
            f"{sign} {self.limit:g} {self.unit}",
            measured,
            {True: "yes", False: "NO", None: "–"}[self.met],
        )


def grid(results: Results, sizes: list[int]) -> Grid:
    """All bars as a table."""
    rows = [
        bar.row()
        for bar in (
            *_of_first(results),
            *_of_pods(results),
            *_of_sizes(results, sizes),
            *_of_others(results),
            *_of_watch(results),
            *_of_questions(results, max(*sizes, questions.FEWEST)),
            *_of_writing_history(results),
            *_of_history(results),
        )
    ]
    return Grid(title="Bars", header=("", "should be", "is", "met"), rows=rows)


def _of_first(results: Results) -> Iterator[Bar]:
    text = f"{SIZE:,} pods, first sync"
    ratios = [results.ratio("first", bare, SIZE) for bare in ("list", "copy")]
    # The larger of the two is what gives the smaller ratio.
    measured = None if None in ratios else min(ratio for ratio in ratios if ratio)
    yield Bar(text=f"{text}, against the larger of bare list and bare COPY", limit=_BARE, measured=measured, unit="×")
    yield Bar(text=f"{text}, CPU of the task", limit=_CPU, measured=results.cpu("first", SIZE), unit="s")


def _of_pods(results: Results) -> Iterator[Bar]:
    pods = f"{SIZE:,} pods"
    for case, limit in _LISTS:
        text = f"{pods}, {_TITLES[case]}, against the bare list"
        yield Bar(text=text, limit=limit, measured=results.ratio(case, "list", SIZE), unit="×")
    for case, before, limit in _BEFORE:
        text = f"{pods}, {_TITLES[case]}, against the one before"
        yield Bar(text=text, limit=limit, measured=results.ratio(case, before, SIZE), unit="×")
    written = results.fact("unchanged", "written", SIZE)
    yield Bar(text=f"{pods}, nothing changed, row versions written", limit=0, measured=written, unit="")
    for case, plain, limit in _PLAIN:
        text = f"{pods}, {_TITLES[case]}, faster than the plain Airflow way"
        yield Bar(text=text, limit=limit, measured=results.ratio(plain, case, SIZE), unit="×", at_least=True)


def _of_sizes(results: Results, sizes: list[int]) -> Iterator[Bar]:
    few, many = (min(sizes), max(sizes)) if len(sizes) > 1 else (1_000, 100_000)
    # When others write too, a timer of the API server's decides how long it takes, and not the number of pods.
    above, below = results.seconds("delta", many), results.seconds("delta", few)
    measured = above / below if above and below else None
    yield Bar(text=f"100 changed, delta, {many:,} pods against {few:,}", limit=1.3, measured=measured, unit="×")
    for size in (size for size in sizes if size >= SIZE):
        most = max((run.memory for case in _SYNCS for run in results.of(case, size)), default=None)
        yield Bar(text=f"{size:,} pods, memory over the imports", limit=32, measured=most, unit="MB")


def _of_others(results: Results) -> Iterator[Bar]:
    yield Bar(
        text=f"small cluster, all resources, {fleets.CUSTOM} custom ones, one task, after imports",
        limit=1.5,
        measured=_slower(results, "small-first", "small-again"),
        unit="s",
    )
    text = f"cluster with {fleets.MANY_CUSTOM:,} custom resources, one task"
    yield Bar(text=text, limit=60, measured=_slower(results, "crds-first", "crds-again"), unit="s")
    most = max((run.memory for case in ("crds-first", "crds-again") for run in results.of(case)), default=None)
    yield Bar(text=f"{text}, memory over the imports", limit=100, measured=most, unit="MB")
    yield Bar(
        text=f"{fleets.CONTEXTS} contexts × {len(fleets.CONTEXT_NAMES)} resources, command line",
        limit=60,
        measured=_slower(results, "many-first", "many-again"),
        unit="s",
    )
    yield Bar(
        text="example DAG, 2 clusters × 6 resources, against empty tasks",
        limit=1.4,
        measured=results.ratio("dag", "dag-empty"),
        unit="×",
    )


def _of_watch(results: Results) -> Iterator[Bar]:
    text = f"watch, {watches.CONTEXTS} contexts × {len(watches.NAMES)} resources"
    rest = results.fact("watch-rest", "cores")
    yield Bar(text=f"{text}, at rest, CPU", limit=5, measured=None if rest is None else rest * 100, unit="% of a core")
    everywhere = f"{text}, {watches.RATE} changes a second"
    waits = results.seconds("watch-everywhere")
    yield Bar(text=f"{everywhere}, from change to row, median", limit=1, measured=waits, unit="s")
    late = results.fact("watch-everywhere", "late")
    yield Bar(text=f"{everywhere}, from change to row, 99th percentile", limit=3, measured=late, unit="s")
    lost = results.fact("watch-everywhere", "lost")
    yield Bar(text=f"{everywhere}, lost", limit=0, measured=lost, unit="")
    most = max((run.memory for case in ("watch-everywhere", "watch-busy") for run in results.of(case)), default=None)
    yield Bar(text=f"{text}, memory", limit=250, measured=most, unit="MB")
    busy = f"watch, {watches.BUSY:,} changes a second of one scope"
    yield Bar(text=f"{busy}, lag after them", limit=10, measured=results.seconds("watch-busy"), unit="s")
    yield Bar(text=f"{busy}, growth of memory", limit=10, measured=results.fact("watch-busy", "grown"), unit="MB")


def _of_questions(results: Results, pods: int) -> Iterator[Bar]:
    for name, limit in questions.BARS.items():
        measured = results.seconds(f"ask: {name}", pods)
        in_ms = None if measured is None else measured * 1000
        yield Bar(text=f"{pods:,} pods, {name}", limit=limit * 1000, measured=in_ms, unit="ms")


def _of_writing_history(results: Results) -> Iterator[Bar]:
    titles = {case.name: case.title for case in CASES}
    for case, limit in _WRITING_HISTORY.items():
        text = f"{SIZE:,} pods, {titles[case]}, against without"
        yield Bar(text=text, limit=limit, measured=results.ratio(case, f"{case}-off", SIZE), unit="×")
    size = results.fact("history-all-changed", "bytes_per_change", SIZE)
    text = f"{SIZE:,} pods, history, bytes of a changed label, with indexes"
    yield Bar(text=text, limit=900, measured=size, unit="B")


def _of_history(results: Results) -> Iterator[Bar]:
    for name, (limit, _) in asking.QUESTIONS.items():
        measured = results.seconds(f"history: {name}", asking.SIZE)
        in_ms = None if measured is None else measured * 1000
        yield Bar(text=f"{asking.SIZE:,} pods, history, {name}", limit=limit * 1000, measured=in_ms, unit="ms")


def _slower(results: Results, *cases: str) -> float | None:
    return max((seconds for case in cases if (seconds := results.seconds(case)) is not None), default=None)
