"""Choose the cheapest way to read a scope that is safe, and fall back to the next one where it turns out not to be.

The ways are `delta`, `metadata` and `full`, in the order of what they cost; each is tried in a savepoint, so that one
that is given up leaves nothing behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
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
from airflow_provider_k8s_inventory.model import Mode
from airflow_provider_k8s_inventory.postgres import loading
from airflow_provider_k8s_inventory.postgres.ledger import State
from airflow_provider_k8s_inventory.sync import delta, full, metadata
from airflow_provider_k8s_inventory.sync.work import Work

log = logging.getLogger(__name__)

WHOLE_ROWS: Final = 500
"""Up to so many rows a list of all is one short answer."""
DELTA_ROWS: Final = 50_000
"""From so many rows on, a second of waiting for a watch is less than listing their metadata."""

_GIVEN_UP: Final[tuple[type[ScopeError], ...]] = (
    AnswerError,
    ExpiredError,
    ForbiddenError,
    NotServedError,
    UnprovenError,
)
"""What is no end where the next way asks for less: no watch, no other form of an answer, no right but to list."""


def read(work: Work) -> str | None:
    """Make the scope's rows what the cluster says.

    :returns: why there is nothing, when the cluster is proven not to serve the resource.
    :raises ScopeError: when the answer does not get complete.
    """
    state = work.state
    marks = work.settings.on_delete == "mark" or state is None or state.shapes != {work.shape}
    work.tally.rows = loading.count(work.cursor, work.target, marked=marks)
    mode, reason = _choose(work, state, work.tally.rows)
    work.tally.fallback = reason
    # A proxy may let lists through and no watch.
    if mode == "delta" and state and not _try(work, mode, lambda: _delta(work, state), UnreachableError):
        return None
    if mode in ("delta", "metadata") and not _try(work, "metadata", lambda: metadata.read(work)):
        return None
    return full.read(work)


def _choose(work: Work, state: State | None, rows: int) -> tuple[Mode, str | None]:
    """The way to read, and why it is not the cheapest of those asked for."""
    asked = work.settings.mode
    if asked == "full" or not work.answer.definition.listed:
        return "full", None
    if distrust := _distrust(work, state):
        return "full", distrust
    if asked == "auto" and rows <= min(WHOLE_ROWS, work.settings.page_size):
        return "full", None
    if loading.has_named_keys(work.cursor, work.target):
        return "full", "some objects have no uid of their own, and only a list of all tells them apart"
    if asked == "metadata" or (asked == "auto" and rows <= DELTA_ROWS):
        return "metadata", None
    doubt = _doubt(work, state, rows)
    return ("metadata", doubt) if doubt else ("delta", None)


def _distrust(work: Work, state: State | None) -> str | None:
    """Why rows must be read whole whatever their resourceVersions are."""
    if not work.answer.definition.resource.watchable:
        return f"{work.answer.definition.name} cannot be watched, so its resourceVersions need not mean anything"
    if len(work.answer.namespaces) > 1:
        return "several namespaces have no resourceVersion in common"
    if state is None or state.resource_version is None:
        return "no sync before this one was complete at one resourceVersion"
    if state.shapes != {work.shape}:
        return f"the rows were made by {_listed(state.shapes)}, not {work.shape}"
    if state.cluster_uids != {work.answer.cluster_uid}:
        return "the rows may be of another cluster"
    return None


def _doubt(work: Work, state: State | None, rows: int) -> str | None:
    """Why it is not enough to read what changed."""
    if work.answer.cluster_uid is None:
        # Another cluster's resourceVersions are as good as ours; only UIDs would tell.
        return "nothing tells that this is the cluster it was before"
    if state and rows != state.seen:
        return f"there are {rows} rows, and the last sync left {state.seen}"
    return None


def _listed(shapes: Iterable[str | None]) -> str:
    return " and ".join(sorted(map(str, shapes)))


def _delta(work: Work, state: State) -> None:
    delta.read(work)
    every = work.settings.verify_every
    if every and (state.unverified + 1 >= every or not state.verified_today):
        _verify(work)


def _verify(work: Work) -> None:
    """Compare the rows with the metadata of all objects at the very resourceVersion the changes led to."""
    tally = work.tally
    written, version = _written(work), tally.resource_version
    tally.rows = tally.seen
    given_up = _try(work, "metadata", lambda: metadata.read(work, at=version))
    if isinstance(given_up, UnprovenError):
        # More differs than is worth getting one by one.
        full.read(work)
    elif given_up:
        # The server cannot list the past: what differs then may have changed since, and is no drift.
        metadata.read(work)
        return
    else:
        tally.mode = "delta"
    tally.drift = _written(work) - written
    if tally.drift:
        tally.warnings.append(f"{tally.drift} rows differed from the cluster though every change had been applied")


def _written(work: Work) -> int:
    return work.tally.inserted + work.tally.updated + work.tally.deleted


def _try(work: Work, mode: Mode, way: Callable[[], None], *more: type[ScopeError]) -> ScopeError | None:
    """Why a way did not lead to the end; it then left nothing but the reason. None: it did.

    :param more: further errors that are no end.
    """
    tally = work.tally
    before = replace(tally, warnings=list(tally.warnings), doubts=list(tally.doubts))
    try:
        with work.cursor.connection.transaction():
            way()
    except (*_GIVEN_UP, *more) as error:
        log.info("%s; reading %s in another way", error, work.answer.definition.name)
        for each in fields(tally):
            if each.name not in ("pages", "bytes"):
                setattr(tally, each.name, getattr(before, each.name))
        tally.fallback = "; ".join(filter(None, (tally.fallback, f"{mode}: {error}")))
        return error
    return None
