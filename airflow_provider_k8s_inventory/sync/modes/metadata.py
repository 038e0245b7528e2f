"""Read the metadata of a scope's objects, and whole only those whose rows differ.

PostgreSQL finds out which they are, in `postgres.listed`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import ResponseError, UnprovenError
from airflow_provider_k8s_inventory.kube import metadata, versions
from airflow_provider_k8s_inventory.model import Page, Seen
from airflow_provider_k8s_inventory.postgres import listed, rows, staging
from airflow_provider_k8s_inventory.postgres.diff import NOT_LISTED
from airflow_provider_k8s_inventory.selectors import NAMESPACE
from airflow_provider_k8s_inventory.sync.collection import Collection
from airflow_provider_k8s_inventory.sync.found import Found
from airflow_provider_k8s_inventory.sync.keys import key
from airflow_provider_k8s_inventory.sync.storing import Store
from airflow_provider_k8s_inventory.sync.threads import ThreadPool, thread_pool

MAX_SHARE: Final = 0.1
"""When more than this share of the objects differs, a list of all is cheaper than a request for each."""
MIN_DIFFERING: Final = 50
"""So few may always differ."""
_BATCH: Final = 1 << 20
"""Bytes of single objects that are written at once."""
_AHEAD: Final = 2
"""Single objects that are under way or wait to be written, for each of the requests at a time."""

_Fetched = tuple[Seen, Page]
"""An object as the list of metadata told of it, and the list of one that came then."""


def read(collection: Collection, store: Store, since: str, *, requests: int, at: str | None = None) -> Found:
    """Find the objects that differ by a complete list of metadata, and stage those.

    :param since: the resourceVersion at which the rows were complete; empty when there is none.
    :param requests: requests at a time.
    :param at: compare with what was there at exactly this resourceVersion; None: with what is there now.
    :raises UnprovenError: when it would cost more than a list of all, or the objects have no identity.
    :raises ExpiredError: when the list expired before its end.
    :raises NotServedError: when the cluster has no such path.
    :raises ScopeError: when the cluster does not respond.
    """
    rows.join_by_hash(store.cursor)
    seen, version = _list(collection, store, at)
    if at is None and versions.precedes(version, since):
        raise UnprovenError(f"the list is of resourceVersion {version}, and the rows are of {since}")
    if listed.repeats(store.cursor):
        raise UnprovenError(f"objects came more than once in the list of {collection.name}")
    differing = _differing(store, seen)
    found = Found(mode="metadata", gone=NOT_LISTED, seen=seen, resource_version=version, staged=False)
    return _stage(collection, store, found, differing, requests) if differing else found


def _list(collection: Collection, store: Store, at: str | None) -> tuple[int, str]:
    """Keep the list in PostgreSQL; return how many objects it has, and its resourceVersion."""
    listed.start(store.cursor)
    seen, version = 0, ""
    for page in collection.metadata(at=at):
        seen += page.count
        version = page.resource_version
        listed.add(store.cursor, map(checked, page.items))
    return seen, version


def _differing(store: Store, seen: int) -> list[Seen]:
    most = max(MIN_DIFFERING, int(seen * MAX_SHARE))
    writing = store.writing
    differing = listed.differing(store.cursor, store.target, writing.cluster_uid, most + 1, keep_uid=writing.keep_uid)
    if len(differing) > most:
        raise UnprovenError(f"more than {most} of {seen} objects differ: a list of all is cheaper")
    return differing


def _stage(collection: Collection, store: Store, found: Found, differing: Sequence[Seen], requests: int) -> Found:
    """Stage the objects that differ as they are by now: newer, or gone, than in the list."""
    store.start()
    reader, seen = store.reader(), found.seen or 0
    with thread_pool(requests, "k8s-inventory-fetch") as pool:
        fetched = _fetched(collection, pool, differing, found.resource_version or "", ahead=_AHEAD * requests)
        for batch in _batches(fetched):
            seen += _correct(store, batch)
            for _, page in batch:
                collection.progress.count(page)
            items = [item for _, page in batch for item in page.items]
            store.stage(Page(items=items, resource_version="", token=None, size=0), reader)
    if not staging.are_told_apart(store.cursor, store.target, repeated=True):
        raise UnprovenError("objects share a uid, and only a list of all tells which there are")
    staging.deduplicate(store.cursor)
    return Found(
        mode=found.mode,
        gone=found.gone,
        seen=seen,
        resource_version=found.resource_version,
        warnings=reader.warnings,
    )


def _fetched(
    collection: Collection, pool: ThreadPool, differing: Sequence[Seen], since: str, *, ahead: int
) -> Iterator[_Fetched]:
    """Fetch each object in turn; the next ones are under way."""
    coming: deque[tuple[Seen, Future[Page]]] = deque()
    for seen in differing:
        coming.append((seen, pool.submit(_list_one, collection, seen, since)))
        if len(coming) == ahead:
            first, future = coming.popleft()
            yield first, future.result()
    for first, future in coming:
        yield first, future.result()


def _batches(fetched: Iterator[_Fetched]) -> Iterator[list[_Fetched]]:
    """Take as many at once as are worth a COPY, and not more than fit into memory."""
    batch: list[_Fetched] = []
    size = 0
    for seen, page in fetched:
        batch.append((seen, page))
        size += page.size
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _list_one(collection: Collection, seen: Seen, since: str) -> Page:
    """List the object of that name, which may be another one by now, or none."""
    page = collection.list_one(seen, not_older_than=since)
    if page.token or page.null or not versions.at_least(page.resource_version, since):
        raise UnprovenError(f"the list of one of {collection.name} is not complete at {since} or later")
    for item in page.items:
        found = _identity(item)
        if (found.namespace, found.name) != (seen.namespace, seen.name):
            raise UnprovenError(f"the API server does not select {collection.name} by name")
    return page


def _correct(store: Store, batch: Sequence[_Fetched]) -> int:
    """Take an object that vanished between the two reads out of the list, and one that took its name into it.

    :returns: how many more objects there are now.
    """
    vanished: list[str] = []
    new: list[Seen] = []
    for seen, page in batch:
        now = _identity(page.items[0]) if page.items else None
        if now is None or now.uid != seen.uid:
            vanished.append(seen.uid)
        if now is not None and now.uid != seen.uid:
            new.append(now)
    if vanished:
        listed.discard(store.cursor, vanished)
        listed.add(store.cursor, new)
    return len(new) - len(vanished)


def _identity(item: msgspec.Raw) -> Seen:
    try:
        return checked(metadata.seen(item))
    except (ValueError, RecursionError) as error:
        raise ResponseError(f"what was read is not an object of Kubernetes: {error}") from error


def checked(seen: Seen) -> Seen:
    """Return the metadata of an object with the key of its row.

    :raises UnprovenError: when they cannot be compared.
    :raises ResponseError: when they are of no object of Kubernetes.
    """
    if not seen.uid or not seen.resource_version:
        raise UnprovenError("objects without uid or resourceVersion cannot be compared")
    if "\0" in seen.uid or "\0" in seen.name or "\0" in seen.resource_version:
        raise UnprovenError("PostgreSQL cannot hold NUL, which an object has in its uid, name or resourceVersion")
    if seen.namespace is not None and not NAMESPACE.fullmatch(seen.namespace):
        raise ResponseError(f"{seen.namespace!r} cannot be a namespace")
    return seen._replace(uid=key(seen.uid))
