"""Tables of text, and how they are shown: by rich on a terminal, or as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDTH = 140


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A table; its first column holds words, the others figures."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def show(about: Sequence[str], grids: Iterable[Grid], *, markdown: bool) -> None:
    """Print tables on standard output.

    :param about: lines to read before.
    """
    print(*(f"- {line}" for line in about), "", sep="\n")
    for grid in grids:
        if markdown:
            print(_markdown(grid))
        else:
            _rich(grid)


def _rich(grid: Grid) -> None:
    table = Table(title=grid.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(grid.header):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    for row in grid.rows:
        table.add_row(*map(escape, row))
    found = Console()
    console = found if found.is_terminal else Console(width=_WIDTH)
    console.print(table)
    for note in (*grid.notes, ""):
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def _markdown(grid: Grid) -> str:
    lines = [
        f"**{grid.title}**\n",
        _line(grid.header),
        _line(["---", *("--:" for _ in grid.header[1:])]),
        *map(_line, grid.rows),
        "",
        *(f"{note}\n" for note in grid.notes),
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
