"""Read the metadata of a scope's objects, and whole only those whose rows differ.

Which they are PostgreSQL finds out, in `postgres.comparing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, UnprovenError
from airflow_provider_k8s_inventory.kube import listing
from airflow_provider_k8s_inventory.model import Page
from airflow_provider_k8s_inventory.postgres import comparing, loading
from airflow_provider_k8s_inventory.postgres.comparing import Seen
from airflow_provider_k8s_inventory.postgres.statements import NOT_SEEN
from airflow_provider_k8s_inventory.sync.ahead import ahead
from airflow_provider_k8s_inventory.sync.settings import NAMESPACE
from airflow_provider_k8s_inventory.sync.work import Work

PER_OBJECT: Final = 2
"""How many objects' metadata take the place of one whole object in a page: half of it may be managedFields."""
MAX_SHARE: Final = 0.1
"""When more than this share of the objects differs, a list of all is cheaper than a request for each."""
MIN_DIFFERING: Final = 50
"""So few may always differ."""
_AT_ONCE: Final = 16
"""Objects held at a time while they are fetched one by one."""
_MANY: Final = 2
"""How many are asked for where one is expected: more than one shows a server that does not select."""


class _Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    namespace: str | None = None


class _Object(msgspec.Struct, frozen=True):
    metadata: _Metadata


_DECODER: Final = msgspec.json.Decoder(_Object)


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
    comparing.start(work.cursor)
    tally.seen, version = 0, ""
    for page in ahead(
        listing.pages(work.client, work.path, limit=work.settings.page_size * PER_OBJECT, metadata_only=True, at=at)
    ):
        tally.took(page)
        tally.seen += len(page.items)
        version = page.resource_version
        comparing.see(work.cursor, _seen(page))
    if not version:
        raise UnprovenError(f"the list of {work.answer.definition.name} has no resourceVersion")
    if comparing.duplicated(work.cursor):
        raise UnprovenError(f"objects came more than once in the list of {work.answer.definition.name}")
    most = max(MIN_DIFFERING, int(tally.seen * MAX_SHARE))
    differing = comparing.differing(work.cursor, work.target, work.answer.cluster_uid, most + 1)
    if len(differing) > most:
        raise UnprovenError(f"more than {most} of {tally.seen} objects differ: a list of all is cheaper")
    _fetch(work, differing)
    work.remove(NOT_SEEN)
    work.merge()
    tally.resource_version = version


def _seen(page: Page) -> Iterator[Seen]:
    for item in page.items:
        yield _identity(item)


def _fetch(work: Work, differing: Sequence[Seen]) -> None:
    """Stage the objects that differ as they are by now: newer, or gone, than in the list."""
    loading.stage(work.cursor, work.target)
    reader = work.reader()
    with ThreadPoolExecutor(work.settings.max_parallel_requests, "k8s-inventory-fetch") as executor:
        for start in range(0, len(differing), _AT_ONCE):
            batch = differing[start : start + _AT_ONCE]
            pages = list(executor.map(lambda seen: _get(work, seen), batch))
            _correct(work, batch, pages)
            for page in pages:
                work.tally.took(page)
                loading.copy(work.cursor, work.target, reader.rows(page))
    work.tally.warnings.extend(reader.warnings)


def _get(work: Work, seen: Seen) -> Page:
    """The object of that name, which may be another one by now, or none.

    A list of one, and not the object's own path: what is not in a list is proven gone, and a name is no part of a path.
    """
    path = work.answer.definition.resource.path(seen.namespace)
    page = next(listing.pages(work.client, path, limit=_MANY, name=seen.name))
    if not page.resource_version:
        raise UnprovenError(f"the list of one of {work.answer.definition.name} has no resourceVersion")
    for item in page.items:
        found = _identity(item)
        if (found.namespace, found.name) != (seen.namespace, seen.name):
            raise UnprovenError(f"the API server does not select {work.answer.definition.name} by name")
    return page


def _correct(work: Work, batch: Sequence[Seen], pages: Sequence[Page]) -> None:
    """An object that vanished between the two reads is not seen any more; one that took its name is."""
    vanished: list[str] = []
    new: list[Seen] = []
    for seen, page in zip(batch, pages, strict=True):
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
        metadata = _DECODER.decode(item).metadata
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerError(f"what was read is not an object of Kubernetes: {error}") from error
    if not metadata.uid or not metadata.resource_version:
        raise UnprovenError("objects without uid or resourceVersion cannot be compared")
    if metadata.namespace is not None and not NAMESPACE.fullmatch(metadata.namespace):
        raise AnswerError(f"{metadata.namespace!r} cannot be a namespace")
    return Seen(metadata.uid, metadata.namespace, metadata.name, metadata.resource_version)
