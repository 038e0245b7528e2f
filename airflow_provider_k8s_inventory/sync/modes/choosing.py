"""Choose the cheapest mode that is safe for a scope, and fall back to the next one where it turns out not to be.

The modes are delta, metadata and full, in the order of what they cost. Each is tried in a savepoint and gives a value,
so that one that is given up leaves nothing behind but the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from airflow_provider_k8s_inventory.exceptions import (
    OvertakenError,
    ScopeError,
    UnprovenError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.model import Mode, Received
from airflow_provider_k8s_inventory.postgres import rows
from airflow_provider_k8s_inventory.postgres.scopes import State
from airflow_provider_k8s_inventory.sync.applying import apply
from airflow_provider_k8s_inventory.sync.collection import GIVEN_UP, Collection
from airflow_provider_k8s_inventory.sync.found import Outcome
from airflow_provider_k8s_inventory.sync.guard import Guard
from airflow_provider_k8s_inventory.sync.modes import delta, full, metadata
from airflow_provider_k8s_inventory.sync.progress import Progress
from airflow_provider_k8s_inventory.sync.settings import Settings
from airflow_provider_k8s_inventory.sync.storing import Store

log = logging.getLogger(__name__)

WHOLE_ROWS: Final = 500
"""Up to so many rows a list of all is one short response."""
DELTA_ROWS: Final = 50_000
"""From so many rows on, a second of waiting for a watch is less than listing their metadata."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScopeSync:
    """The sync of one scope, as its modes need it."""

    collection: Collection
    store: Store
    guard: Guard
    state: State | None
    """What the last good sync left; None: there was none."""
    settings: Settings
    received: Received | None = None
    """The changes that a watch brought; None: the cluster is read."""

    @property
    def progress(self) -> Progress:
        """The progress of the sync."""
        return self.collection.progress

    @property
    def since(self) -> str:
        """The checkpoint: the resourceVersion at which this cluster's rows were complete; empty when there is none."""
        return (self.state.checkpoint if self.state and not self.guard.replaces else None) or ""

    def run(self) -> Outcome:
        """Make the scope's rows what the cluster says.

        :raises ScopeError: when the response does not get complete.
        :raises OvertakenError: as `_receive`.
        """
        before = self._count()
        if self.received:
            return self._receive(self.received, before)
        mode, reason = self._choose(before)
        if reason:
            self.progress.fallbacks.append(reason)
        if mode == "delta":
            # A proxy may let lists through and no watch.
            outcome = self._try("delta", partial(self._delta, before), *GIVEN_UP, UnreachableError)
            if isinstance(outcome, Outcome):
                return outcome
        if mode != "full":
            outcome = self._try("metadata", partial(self._metadata, before), *GIVEN_UP)
            if isinstance(outcome, Outcome):
                return outcome
        self.progress.mode = "full"
        return self._full(before)

    def _count(self) -> int:
        unmarked = self.settings.on_delete == "delete" and self.state and self.state.is_all(self.store.row_format)
        return rows.count(self.store.cursor, self.store.target, marked=not unmarked)

    def _choose(self, before: int) -> tuple[Mode, str | None]:
        """Return the mode to begin with, and the reason why it is not the cheapest of those asked for."""
        asked = self.settings.mode
        if asked == "full" or not self.collection.resolved.definition.listed:
            return "full", None
        if reason := self._why_full():
            return "full", reason
        if asked == "auto" and before <= min(WHOLE_ROWS, self.settings.page_size):
            return "full", None
        if rows.have_named_keys(self.store.cursor, self.store.target):
            return "full", "some objects have no uid of their own, and only a list of all tells them apart"
        if asked == "metadata" or (asked == "auto" and before <= DELTA_ROWS):
            return "metadata", None
        reason = self._why_no_delta(before)
        return ("metadata", reason) if reason else ("delta", None)

    def _why_full(self) -> str | None:
        """Return the reason why rows must be read whole whatever their resourceVersions are."""
        state, resolved = self.state, self.collection.resolved
        if not self.collection.resource.watchable:
            return f"{self.collection.name} cannot be watched, so its resourceVersions need not mean anything"
        if self.store.replaced:
            return "the rows are of another selection"
        selection = self.collection.scope.selection
        if selection.is_open or len(selection.namespaces) > 1:
            return "several namespaces have no resourceVersion in common"
        if state is None or state.checkpoint is None:
            return "no sync before this one was complete at one resourceVersion"
        if state.row_format != self.store.row_format:
            return f"the rows were made by {state.row_format}, not {self.store.row_format}"
        if state.cluster_uid != resolved.cluster_uid:
            return "the rows may be of another cluster"
        return state.invalid_reason

    def _why_no_delta(self, before: int) -> str | None:
        """Return the reason why it is not enough to read what changed."""
        if self.store.writing.aged_by:
            return "rows outlive their objects, and only a list tells which have none"
        if self.collection.resolved.cluster_uid is None:
            # Another cluster's resourceVersions are as good as ours; only UIDs would tell.
            return "nothing tells that this is the cluster it was before"
        if self.state and before != self.state.rows:
            return f"there are {before} rows, and the last sync left {self.state.rows}"
        return None

    def _try(self, mode: Mode, read: Callable[[], Outcome], *given_up: type[ScopeError]) -> Outcome | ScopeError:
        """Read in a savepoint; an error means that the mode was given up, and left nothing behind."""
        self.progress.mode = mode
        try:
            with self.store.cursor.connection.transaction():
                return read()
        except given_up as error:
            log.info("%s; reading %s in another way", error, self.collection.name)
            self.progress.fallbacks.append(f"{mode}: {error}")
            return error

    def _full(self, before: int, deleted: int = 0) -> Outcome:
        filled = full.fill(self.collection, self.store, self.since)
        if filled:
            return filled
        found = full.read(self.collection, self.store, self.since)
        return apply(self.store, self.guard, found, before=before, deleted=deleted)

    def _metadata(self, before: int, deleted: int = 0, at: str | None = None) -> Outcome:
        requests = self.settings.max_parallel_requests
        found = metadata.read(self.collection, self.store, self.since, requests=requests, at=at)
        return apply(self.store, self.guard, found, before=before, deleted=deleted)

    def _delta(self, before: int) -> Outcome:
        found = delta.read(self.collection, self.store, self.since)
        outcome = apply(self.store, self.guard, found, before=before)
        every = self.settings.verify_every
        if not every or not self.state or (self.state.unverified + 1 < every and self.state.verified_today):
            return outcome
        return self._verify(outcome)

    def _receive(self, received: Received, before: int) -> Outcome:
        """Apply what a watch brought, and nothing else: what it cannot prove is for a sync to find out.

        :raises OvertakenError: when the rows are at another resourceVersion than the watch was.
        :raises UnprovenError: when it is not enough to know what changed.
        """
        self.progress.mode = "watch"
        if reason := self._why_full() or self._why_no_delta(before):
            raise UnprovenError(f"{self.collection.scope}: {reason}")
        if self.since != received.since:
            raise OvertakenError(f"{self.collection.scope}: the rows are at {self.since}, not {received.since}")
        if rows.have_named_keys(self.store.cursor, self.store.target):
            raise UnprovenError(f"{self.collection.scope}: some objects have no uid of their own")
        self.progress.count(received.changes)
        found = delta.stage(
            [replace(received.changes, resource_version=received.resource_version)], self.store, "watch"
        )
        return apply(self.store, self.guard, found, before=before)

    def _verify(self, changed: Outcome) -> Outcome:
        """Compare the rows with the metadata of all objects at the very resourceVersion the changes led to."""
        before, deleted = changed.counts.seen, changed.counts.deleted + changed.counts.unselected
        at = partial(self._metadata, before, deleted, at=changed.resource_version)
        verified = self._try("metadata", at, *GIVEN_UP)
        if isinstance(verified, Outcome):
            verified = replace(verified, mode="delta", drift=verified.counts.written)
        elif isinstance(verified, UnprovenError):
            # More differs than is worth getting one by one.
            self.progress.mode = "full"
            verified = self._full(before, deleted)
            verified = replace(verified, drift=verified.counts.written)
        else:
            # The server cannot list the past: what differs then may have changed since, and is no drift.
            verified = self._metadata(before, deleted)
        drifted = f"{verified.drift} rows differed from the cluster though every change had been applied"
        return replace(
            verified,
            counts=(changed.counts + verified.counts).of(verified.counts.seen),
            warnings=(*changed.warnings, *verified.warnings, *((drifted,) if verified.drift else ())),
        )
