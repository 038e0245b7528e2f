"""Read what changed in a scope since its last sync."""

from __future__ import annotations

from functools import partial

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnprovenError
from airflow_provider_k8s_inventory.kube import listing, versions, watching
from airflow_provider_k8s_inventory.model import Changes, Page
from airflow_provider_k8s_inventory.postgres import loading
from airflow_provider_k8s_inventory.sync import removing
from airflow_provider_k8s_inventory.sync.ahead import ahead
from airflow_provider_k8s_inventory.sync.rows import uid_of
from airflow_provider_k8s_inventory.sync.storing import store
from airflow_provider_k8s_inventory.sync.work import Work


def read(work: Work) -> None:
    """Apply every change since the resourceVersion at which the rows were complete.

    :raises UnprovenError: when nothing proves that every change has come.
    :raises ExpiredError: when the server does not remember so far back.
    :raises ScopeError: when the cluster does not answer.
    """
    tally, reader, since = work.tally, work.reader(), work.since
    tally.mode = "delta"
    resource = work.answer.definition.resource
    now = listing.current_version(work.client, resource, work.namespace)
    if not versions.reaches(now, since):
        raise UnprovenError(f"resourceVersion {since} cannot be compared with {now}")
    loading.stage(work.cursor, work.target)
    alive: dict[str, bool] = {}
    for piece in ahead(watching.changes(work.client, work.path, since=since, until=now, expected=resource)):
        tally.took(piece)
        tally.resource_version = piece.resource_version
        page = Page(items=_objects(piece, alive), resource_version="", token=None, size=piece.size)
        store(work, reader, page, partial(loading.copy, work.cursor, work.target))
    if not loading.are_told_apart(work.cursor, work.target):
        raise UnprovenError("objects share a uid, and only a list of all tells which there are")
    gone = [uid for uid, lives in alive.items() if not lives]
    loading.unstage(work.cursor, gone)
    if gone:
        removing.named(work, gone)
    loading.deduplicate(work.cursor)
    work.merge()
    tally.seen = tally.rows + tally.inserted - tally.deleted
    tally.warnings.extend(reader.warnings)


def _objects(piece: Changes, alive: dict[str, bool]) -> list[msgspec.Raw]:
    """The objects of a piece, also those that are gone; which ones live in the end is in `alive`."""
    for gone, item in piece.events:
        alive[uid_of(item)] = not gone
    return [item for _, item in piece.events]
