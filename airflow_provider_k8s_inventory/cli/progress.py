"""The progress of a sync on a terminal: a bar, and below it what is under way for how long."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from airflow_provider_k8s_inventory.sync.underway import UnderWay


class SyncProgress(Progress):
    """A bar over all scopes and a line per context under way; nothing where standard error is no terminal.

    :param total: the scopes known so far.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._under_way = UnderWay()
        self._done = 0
        unicode = console.encoding.startswith("utf")
        super().__init__(
            SpinnerColumn("dots" if unicode else "line"),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar = self.add_task("syncing", total=total)
        self._total = total

    @property
    def under_way(self) -> UnderWay:
        """The register that the sync keeps."""
        return self._under_way

    def step(self) -> None:
        """Count a scope that has ended; globs make more of them than were known."""
        self._done += 1
        self._total = max(self._total, self._done)
        self.update(self._bar, completed=self._done, total=self._total)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Draw the bar, then what is under way, longest first; rich asks ten times a second."""
        yield from super().get_renderables()
        contexts: dict[str, list[str]] = {}
        for doing in self._under_way.now():
            contexts.setdefault(doing.context_name, []).append(f"{doing.resource} … {doing.seconds:.0f} s")
        for context_name, scopes in contexts.items():
            yield Text(f"  {context_name}: {', '.join(scopes)}", no_wrap=True, overflow="ellipsis")
