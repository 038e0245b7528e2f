"""Say while a scope is synced that it is, and how far it has come; its end is in its report."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from airflow_provider_k8s_inventory.model import Scope
from airflow_provider_k8s_inventory.sync.work import Tally

log = logging.getLogger(__name__)

SECONDS: Final = 10
"""Airflow's log view follows a running task; after so long without a line people take it for stuck."""


@contextmanager
def told(scope: Scope, tally: Tally, *, every: float = SECONDS) -> Iterator[None]:
    """Log a line every few seconds of the block, where anybody reads it."""
    if not log.isEnabledFor(logging.INFO):
        yield
        return
    ended = Event()
    # A thread, as a response or a statement that is waited for calls nobody.
    thread = Thread(target=_tell, args=(scope, tally, every, ended), name="k8s-inventory-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _tell(scope: Scope, tally: Tally, every: float, ended: Event) -> None:
    seconds = 0.0
    while not ended.wait(every):
        seconds += every
        log.info(
            "%s: under way for %.0f s (%s): %d pages, %d objects, %s so far",
            scope,
            seconds,
            tally.mode,
            tally.pages,
            tally.seen,
            size(tally.bytes),
        )


def size(count: int) -> str:
    """Say a number of bytes: ``48 kB``."""
    amount, units = float(count), ["B", "kB", "MB", "GB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if amount >= 10 or units[0] == "B" else f"{amount:.1f} {units[0]}"
