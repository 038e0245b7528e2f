"""Choose the cheapest way to read a scope that is safe, and fall back to the next one where it turns out not to be.

The ways are `delta`, `metadata` and `full`, in the order of what they cost; each is tried in a savepoint, so that one
that is given up leaves nothing behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from airflow_provider_k8s_inventory.exceptions import (
    AnswerError,
    ExpiredError,
    ForbiddenError,
    NotServedError,
    ScopeError,
    UnprovenError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.model import Mode, Scope
from airflow_provider_k8s_inventory.postgres import ledger, loading
from airflow_provider_k8s_inventory.postgres.ledger import State
from airflow_provider_k8s_inventory.sync import delta, full, metadata
from airflow_provider_k8s_inventory.sync.work import Work

log = logging.getLogger(__name__)

DELTA_ROWS: Final = 25_000
"""From so many rows on, a second of waiting for a watch is less than listing their metadata."""

_GIVEN_UP: Final[tuple[type[ScopeError], ...]] = (
    AnswerError,
    ExpiredError,
    ForbiddenError,
    NotServedError,
    UnprovenError,
)
"""What is no end where the next way asks for less: no watch, no other form of an answer, no right but to list."""


def read(work: Work, scope: Scope) -> str | None:
    """Make the scope's rows what the cluster says.

    :returns: why there is nothing, when the cluster is proven not to serve the resource.
    :raises ScopeError: when the answer does not get complete.
    """
    state = ledger.last_state(work.cursor, work.settings.schema, scope)
    rows = loading.count_live(work.cursor, work.target)
    mode, reason = _choose(work, scope, state, rows)
    work.tally.fallback = reason
    # A proxy may let lists through and no watch.
    if mode == "delta" and state and _try(work, lambda: _delta(work, state, rows), (*_GIVEN_UP, UnreachableError)):
        return None
    if mode in ("delta", "metadata") and _try(work, lambda: metadata.read(work)):
        return None
    return full.read(work)


def _choose(work: Work, scope: Scope, state: State | None, rows: int) -> tuple[Mode, str | None]:
    asked = work.settings.mode
    if asked == "full" or scope.resource == "clusters":
        return "full", None
    if state is None or state.resource_version is None:
        return "full", "no sync before this one was complete at one resourceVersion"
    if state.shapes != {work.shape}:
        return "full", f"the rows were made by {_listed(state.shapes)}, not {work.shape}"
    if state.cluster_uids != {work.answer.cluster_uid}:
        return "full", "the context points at another cluster than before"
    if asked == "auto" and rows <= work.settings.page_size:
        return "full", None
    if asked == "metadata" or (asked == "auto" and rows <= DELTA_ROWS):
        return "metadata", None
    if work.answer.cluster_uid is None:
        # Another cluster's resourceVersions are as good as ours; only UIDs would tell.
        return "metadata", "nothing tells that this is the cluster it was before"
    return "delta", None


def _listed(shapes: Iterable[str | None]) -> str:
    return " and ".join(sorted(map(str, shapes)))


def _delta(work: Work, state: State, rows: int) -> None:
    delta.read(work, since=state.resource_version or "", rows=rows)
    every = work.settings.verify_every
    if every and (state.unverified + 1 >= every or not state.verified_today):
        _verify(work)


def _verify(work: Work) -> None:
    """Compare the rows with the metadata of all objects at the very resourceVersion the changes led to."""
    tally = work.tally
    before = tally.inserted + tally.updated + tally.deleted
    metadata.read(work, at=tally.resource_version)
    tally.mode = "delta"
    tally.drift = tally.inserted + tally.updated + tally.deleted - before
    if tally.drift:
        tally.warnings.append(f"{tally.drift} rows differed from the cluster though every change had been applied")


def _try(work: Work, way: Callable[[], None], given_up: tuple[type[ScopeError], ...] = _GIVEN_UP) -> bool:
    """Whether a way led to the end; if not, it left nothing but the reason."""
    tally = work.tally
    warnings = len(tally.warnings)
    try:
        with work.cursor.connection.transaction():
            way()
    except given_up as error:
        log.info("%s; reading %s in another way", error, work.answer.definition.name)
        _forget(work, warnings, error)
        return False
    return True


def _forget(work: Work, warnings: int, error: ScopeError) -> None:
    tally = work.tally
    tally.inserted = tally.updated = tally.deleted = tally.seen = 0
    tally.resource_version = tally.drift = None
    del tally.warnings[warnings:]
    tally.fallback = "; ".join(filter(None, (tally.fallback, f"{tally.mode}: {error}")))
