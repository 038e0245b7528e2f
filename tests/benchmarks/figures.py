"""Tables of what was measured: one per number of pods, and one of the cases in which pods do not matter.

What the figures should reach is in `bars`.
"""

from __future__ import annotations

from statistics import median
from typing import Final

from tests.benchmarks import fleets, watches
from tests.benchmarks.cases import CASES, PLAIN_UP_TO, Case
from tests.benchmarks.model import Measurement, Results
from tests.benchmarks.tables import Grid

_HEADER: Final = ("", "seconds", "of all runs", "× list", "× COPY", "CPU seconds", "imports", "MB", "rows", "read by")
_NOTE: Final = (
    "seconds: the median, from when imports are done. CPU seconds: of the task + of the cluster + of the database. "
    "imports: the task's CPU seconds before. MB: its peak above what imports took. rows: row versions written."
)
_FIRST: Final = ("first", "columns", "before")
"""Where a full list is what is meant."""
_OTHERS: Final = {
    "small-first": f"all resources of a small cluster, {fleets.CUSTOM} custom ones, in one task, first",
    "small-again": "the same, again",
    "crds-first": f"all resources of a cluster with {fleets.MANY_CUSTOM:,} custom ones, in one task, first",
    "crds-again": "the same, again",
    "many-first": f"{fleets.CONTEXTS} contexts × {len(fleets.CONTEXT_NAMES)} resources, command line, first",
    "many-again": "the same, again",
    "dag": "example DAG, 2 clusters × 6 resources",
    "dag-empty": "the same DAG with empty tasks",
    "watch-start": f"watch, {watches.CONTEXTS} contexts × {len(watches.NAMES)} resources, until caught up",
    "watch-everywhere": f"watch, {watches.RATE} changes a second everywhere, from change to row",
    "watch-busy": f"watch, {watches.BUSY:,} changes a second of one scope, until all are rows after the last",
}


def of_pods(results: Results, size: int) -> Grid | None:
    """The table of one number of pods; None when nothing was measured."""
    bare = results.of("list", size)
    if not bare:
        return None
    megabytes = bare[0].facts["bytes"] / 1e6
    rows = [_row(results, case, size) for case in CASES if results.of(case.name, size)]
    title = f"{size:,} pods, {megabytes:,.0f} MB of JSON, {megabytes * 1000 / size:.1f} kB each; runs: {len(bare)}"
    notes = [_NOTE, *_fallbacks(results, size)]
    if results.of("plain", size):
        notes.append("The plain Airflow way ran once.")
    elif size > PLAIN_UP_TO:
        notes.append(f"The plain Airflow way is not measured beyond {PLAIN_UP_TO:,} pods.")
    return Grid(title=title, header=_HEADER, rows=rows, notes=notes)


def of_others(results: Results) -> Grid | None:
    """The table of the other cases; None when none was measured."""
    rows = [
        (title, f"{results.seconds(case):.2f}", _spread(results.of(case)))
        for case, title in _OTHERS.items()
        if results.of(case)
    ]
    return Grid(title="Many scopes", header=("", "seconds", "of all runs"), rows=rows) if rows else None


def _row(results: Results, case: Case, size: int) -> tuple[str, ...]:
    runs = results.of(case.name, size)
    return (
        case.title,
        f"{results.seconds(case.name, size):.2f}",
        _spread(runs),
        *(_times(results.ratio(case.name, to, size)) for to in ("list", "copy")),
        _cpu(runs),
        f"{median(run.imports for run in runs):.1f}",
        f"{max(run.memory for run in runs):.0f}",
        f"{max(run.facts['written'] for run in runs):,}" if case.syncs else "",
        ", ".join(sorted({run.facts["mode"] for run in runs})) if case.syncs else "",
    )


def _cpu(runs: list[Measurement]) -> str:
    each = ([run.cpu for run in runs], *([run.facts[name] for run in runs] for name in ("cluster", "database")))
    return " + ".join(f"{median(seconds):.2f}" for seconds in each)


def _spread(runs: list[Measurement]) -> str:
    seconds = sorted(run.seconds for run in runs)
    return f"{seconds[0]:.2f} to {seconds[-1]:.2f}" if len(runs) > 1 else "once"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _fallbacks(results: Results, size: int) -> list[str]:
    """Why a sync was not read in the way that its case is about."""
    return [
        f"{case.title}: {reason}"
        for case in CASES
        if case.syncs and case.name not in _FIRST
        for reason in sorted({run.facts["fallback"] for run in results.of(case.name, size)} - {None})
    ]
