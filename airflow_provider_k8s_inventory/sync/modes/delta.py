"""Read the changes of a scope since its checkpoint, or take those that a watch has brought."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnprovenError
from airflow_provider_k8s_inventory.kube import versions
from airflow_provider_k8s_inventory.model import Changes, Mode, Page
from airflow_provider_k8s_inventory.postgres import staging
from airflow_provider_k8s_inventory.postgres.diff import named
from airflow_provider_k8s_inventory.sync.collection import Collection
from airflow_provider_k8s_inventory.sync.found import Found
from airflow_provider_k8s_inventory.sync.keys import uid_of
from airflow_provider_k8s_inventory.sync.storing import Store


def read(collection: Collection, store: Store, since: str) -> Found:
    """Stage what changed since the resourceVersion at which the rows were complete.

    :param since: that resourceVersion.
    :raises UnprovenError: when nothing proves that every change has come.
    :raises ExpiredError: when the server does not remember so far back.
    :raises ScopeError: when the cluster does not respond.
    """
    now = collection.current_version()
    if not versions.at_least(now, since):
        raise UnprovenError(f"resourceVersion {since} cannot be compared with {now}")
    return stage(collection.changes(since=since, until=now), store, "delta")


def stage(pieces: Iterable[Changes], store: Store, mode: Mode) -> Found:
    """Stage changes, each object as it came last.

    :param pieces: the changes, in order; the last piece has a resourceVersion.
    :param mode: the way they came.
    :raises UnprovenError: when only a list of all tells what there is.
    """
    reader, version = store.reader(), None
    alive: dict[str, bool] = {}
    events = 0
    for piece in pieces:
        events += len(piece.events)
        version = piece.resource_version
        if piece.events and not alive:
            store.start()
        page = Page(items=_objects(piece, alive), resource_version="", token=None, size=piece.size)
        if page.items:
            store.stage(page, reader)
    gone = [uid for uid, lives in alive.items() if not lives]
    if alive:
        _tidy(store, gone, repeated=events > len(alive))
    return Found(
        mode=mode,
        gone=named(gone),
        seen=None,
        resource_version=version,
        staged=bool(alive),
        warnings=reader.warnings,
    )


def _tidy(store: Store, gone: list[str], *, repeated: bool) -> None:
    """Leave each object that lives in the staging table once, as it came last.

    :param repeated: whether a uid came several times.
    """
    if not staging.are_told_apart(store.cursor, store.target, repeated=repeated):
        raise UnprovenError("objects share a uid, and only a list of all tells which there are")
    if gone:
        staging.discard(store.cursor, gone)
    if repeated:
        staging.deduplicate(store.cursor)


def _objects(piece: Changes, alive: dict[str, bool]) -> list[msgspec.Raw]:
    """Return the objects of a piece, also those that are gone; note in `alive` which ones live in the end."""
    for gone, item in piece.events:
        alive[uid_of(item)] = not gone
    return [item for _, item in piece.events]
