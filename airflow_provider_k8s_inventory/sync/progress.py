"""A sync under way: its report as far as it is known, and what has come from the cluster so far.

What a mode found is a value, which is discarded when the mode is given up; its cost and the
reason stay.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any, Final

from airflow_provider_k8s_inventory.kube.tallying import Tally
from airflow_provider_k8s_inventory.model import (
    COUNTS,
    Changes,
    Counts,
    MetadataPage,
    Mode,
    Page,
    Scope,
    Status,
    SyncReport,
)

log = logging.getLogger(__name__)

SECONDS: Final = 10
"""Airflow's log view follows a running task; after so long without a line people take it for stuck."""


@dataclass(kw_only=True, slots=True)
class Progress:
    """The progress of the sync of one scope."""

    report: SyncReport
    """What is known of it, whatever its end."""
    mode: Mode = "full"
    """The mode that is being tried."""
    fallbacks: list[str] = field(default_factory=list)
    """The reasons why no cheaper mode was used."""
    objects: int = 0
    """Objects that have come, more than once if they were read more than once."""
    pages: int = 0
    bytes: int = 0
    tally: Tally = field(default_factory=Tally)
    """The other costs of the requests."""

    @property
    def scope(self) -> Scope:
        """The scope as it is known by now."""
        return self.report.scope

    def knows(self, **fields: Any) -> None:
        """Note in the report what is now known."""
        self.report = replace(self.report, **fields)

    def warn(self, *warnings: str) -> None:
        """Note what a person should know, whatever the end."""
        self.knows(warnings=(*self.report.warnings, *warnings))

    def restart_list(self) -> None:
        """Count pages from nothing: those of a list that broke off are no part of the one that counts."""
        self.pages = 0

    def count(self, piece: Page | MetadataPage | Changes) -> None:
        """Count a response."""
        self.pages += 1
        self.bytes += piece.size
        self.objects += piece.count

    def ended(
        self, status: Status, reason: str | None = None, counts: Counts | None = None, **fields: Any
    ) -> SyncReport:
        """Complete the report.

        :param counts: what was written; None: nothing.
        :param fields: further fields of the report.
        """
        counts = counts or Counts()
        return replace(
            self.report,
            status=status,
            reason=reason,
            finished_at=datetime.now(UTC),
            fallback="; ".join(self.fallbacks) or None,
            pages=self.pages,
            bytes=self.bytes,
            retries=self.tally.retries,
            **({name: getattr(counts, name) for name in COUNTS} | {"mode": self.mode} | fields),
        )

    @contextmanager
    def logged(self, *, every: float = SECONDS) -> Iterator[None]:
        """Log a line every few seconds of the block, where anybody reads it.

        :param every: seconds.
        """
        if not log.isEnabledFor(logging.INFO):
            yield
            return
        ended = Event()
        # A thread, as nothing is called while a response or a statement is waited for.
        thread = Thread(target=self._log, args=(every, ended), name="k8s-inventory-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _log(self, every: float, ended: Event) -> None:
        seconds = 0.0
        while not ended.wait(every):
            seconds += every
            log.info(
                "%s: under way for %.0f s (%s): %d pages, %d objects, %s so far",
                self.scope,
                seconds,
                self.mode,
                self.pages,
                self.objects,
                size(self.bytes),
                extra={"context": self.scope.context_name, "resource": self.scope.resource},
            )


def size(count: int) -> str:
    """Write a number of bytes: ``48 kB``."""
    amount, units = float(count), ["B", "kB", "MB", "GB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if amount >= 10 or units[0] == "B" else f"{amount:.1f} {units[0]}"
