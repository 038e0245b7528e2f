"""Tell a person at the terminal what is being done, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Step:
    """One step, while it is done."""

    def __init__(self, status: Status, outcome: str) -> None:
        self._status = status
        self.outcome = outcome
        """The text that stays on the screen when it is done."""
        self.good = True

    def doing(self, text: str) -> None:
        """Say what is done at the moment."""
        self._status.update(escape(text))


@contextmanager
def step(console: Console, text: str) -> Iterator[Step]:
    """Show the text beside a spinner, and a line with the outcome and the seconds when the block ends well."""
    started = time.monotonic()
    spinner = "dots" if console.encoding.startswith("utf") else "line"
    with console.status(escape(text), spinner=spinner) as status:
        step = Step(status, text)
        yield step
    mark = "[green]✓[/]" if step.good else "[red]✗[/]"
    seconds = f"[dim]{time.monotonic() - started:.1f} s[/]"
    console.print(f"{mark} {escape(step.outcome)} {seconds}", highlight=False, soft_wrap=True)
