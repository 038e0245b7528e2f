"""Read the metadata of a scope's objects, and whole only those whose rows differ.

Which they are PostgreSQL finds out, in `postgres.comparing`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, UnprovenError
from airflow_provider_k8s_inventory.kube import listing, metadata, versions
from airflow_provider_k8s_inventory.model import Page, Seen
from airflow_provider_k8s_inventory.postgres import comparing, loading
from airflow_provider_k8s_inventory.postgres.statements import NOT_SEEN
from airflow_provider_k8s_inventory.sync import removing, restoring
from airflow_provider_k8s_inventory.sync.ahead import ahead
from airflow_provider_k8s_inventory.sync.rows import key
from airflow_provider_k8s_inventory.sync.settings import NAMESPACE
from airflow_provider_k8s_inventory.sync.storing import store
from airflow_provider_k8s_inventory.sync.work import Work
from airflow_provider_k8s_inventory.sync.workers import Workers, workers

PER_OBJECT: Final = 2
"""How many objects' metadata take the place of one whole object in a page: half of it may be managedFields."""
MAX_SHARE: Final = 0.1
"""When more than this share of the objects differs, a list of all is cheaper than a request for each."""
MIN_DIFFERING: Final = 50
"""So few may always differ."""
_BATCH: Final = 1 << 20
"""Bytes of single objects that are written at once."""
_WAITING: Final = 2
"""Single objects that are under way or wait to be written, for each of the requests at a time."""
_MANY: Final = 2
"""How many are asked for where one is expected: more than one shows a server that does not select."""

Fetched = tuple[Seen, Page]
"""What the list of metadata told, and what a list of one then gave."""


def read(work: Work, *, at: str | None = None) -> None:
    """Make the rows what a complete list of metadata says.

    :param at: compare with what was there at exactly this resourceVersion; None: with what is there now.
    :raises UnprovenError: when it would cost more than a list of all, or the objects have no identity.
    :raises ExpiredError: when the list expired before its end.
    :raises NotServedError: when the cluster has no such path.
    :raises ScopeError: when the cluster does not answer.
    """
    tally = work.tally
    tally.mode = "metadata"
    loading.plan_for_many(work.cursor)
    comparing.start(work.cursor)
    tally.seen, version = 0, ""
    limit = work.settings.page_size * PER_OBJECT
    resource = work.answer.definition.resource
    for page in ahead(metadata.pages(work.client, work.path, limit=limit, at=at, expected=resource)):
        tally.took(page)
        tally.seen += page.count
        version = page.resource_version
        comparing.see(work.cursor, map(_checked, page.items))
    if at is None and restoring.is_behind(work, version):
        raise UnprovenError(f"the list is of resourceVersion {version}, and the rows are of {work.since}")
    if comparing.duplicated(work.cursor):
        raise UnprovenError(f"objects came more than once in the list of {work.answer.definition.name}")
    most = max(MIN_DIFFERING, int(tally.seen * MAX_SHARE))
    differing = comparing.differing(
        work.cursor, work.target, work.answer.cluster_uid, most + 1, keep_uid=work.keeps_uid
    )
    if len(differing) > most:
        raise UnprovenError(f"more than {most} of {tally.seen} objects differ: a list of all is cheaper")
    _fetch(work, differing, since=version)
    tally.resource_version = version
    removing.unlisted(work, NOT_SEEN)
    loading.deduplicate(work.cursor)
    work.merge()


def _fetch(work: Work, differing: Sequence[Seen], *, since: str) -> None:
    """Stage the objects that differ as they are by now: newer, or gone, than in the list."""
    loading.stage(work.cursor, work.target)
    reader, write = work.reader(), partial(loading.copy, work.cursor, work.target)
    with workers(work.settings.max_parallel_requests, "k8s-inventory-fetch") as crew:
        for batch in _batches(_fetched(work, crew, differing, since)):
            _correct(work, batch)
            for _, page in batch:
                work.tally.took(page)
            items = [item for _, page in batch for item in page.items]
            store(work, reader, Page(items=items, resource_version="", token=None, size=0), write)
    if not loading.are_told_apart(work.cursor, work.target):
        raise UnprovenError("objects share a uid, and only a list of all tells which there are")
    work.tally.warnings.extend(reader.warnings)


def _fetched(work: Work, crew: Workers, differing: Sequence[Seen], since: str) -> Iterator[Fetched]:
    """Each object in turn; the next ones are under way."""
    most = _WAITING * work.settings.max_parallel_requests
    coming: deque[tuple[Seen, Future[Page]]] = deque()
    for seen in differing:
        coming.append((seen, crew.submit(_get, work, seen, since)))
        if len(coming) == most:
            first, future = coming.popleft()
            yield first, future.result()
    for first, future in coming:
        yield first, future.result()


def _batches(fetched: Iterator[Fetched]) -> Iterator[list[Fetched]]:
    """As many at once as are worth a COPY, and not more than fit into memory."""
    batch: list[Fetched] = []
    size = 0
    for seen, page in fetched:
        batch.append((seen, page))
        size += page.size
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _get(work: Work, seen: Seen, since: str) -> Page:
    """The object of that name, which may be another one by now, or none.

    A list of one, and not the object's own path: what is not in a list is proven gone, and a name is no part of a path.
    """
    resource = work.answer.definition.resource
    path = resource.path(seen.namespace)
    pages = listing.pages(work.client, path, limit=_MANY, name=seen.name, not_older_than=since, expected=resource)
    page = next(pages)
    if page.token or page.null or not versions.reaches(page.resource_version, since):
        raise UnprovenError(f"the list of one of {work.answer.definition.name} is not complete at {since} or later")
    for item in page.items:
        found = _identity(item)
        if (found.namespace, found.name) != (seen.namespace, seen.name):
            raise UnprovenError(f"the API server does not select {work.answer.definition.name} by name")
    return page


def _correct(work: Work, batch: Sequence[Fetched]) -> None:
    """An object that vanished between the two reads is not seen any more; one that took its name is."""
    vanished: list[str] = []
    new: list[Seen] = []
    for seen, page in batch:
        now = _identity(page.items[0]) if page.items else None
        if now is None or now.uid != seen.uid:
            vanished.append(seen.uid)
        if now is not None and now.uid != seen.uid:
            new.append(now)
    if vanished:
        comparing.unsee(work.cursor, vanished)
        comparing.see(work.cursor, new)
        work.tally.seen += len(new) - len(vanished)


def _identity(item: msgspec.Raw) -> Seen:
    try:
        return _checked(metadata.seen(item))
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"what was read is not an object of Kubernetes: {error}") from error


def _checked(seen: Seen) -> Seen:
    if not seen.uid or not seen.resource_version:
        raise UnprovenError("objects without uid or resourceVersion cannot be compared")
    if seen.namespace is not None and not NAMESPACE.fullmatch(seen.namespace):
        raise AnswerError(f"{seen.namespace!r} cannot be a namespace")
    return seen._replace(uid=key(seen.uid))
