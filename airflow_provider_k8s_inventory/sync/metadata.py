"""Read the metadata of a scope's objects, and whole only those whose rows differ.

Which they are PostgreSQL finds out, in `postgres.comparing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, NotServedError, UnprovenError
from airflow_provider_k8s_inventory.kube import listing, text
from airflow_provider_k8s_inventory.model import Page
from airflow_provider_k8s_inventory.postgres import comparing, loading
from airflow_provider_k8s_inventory.postgres.comparing import Seen
from airflow_provider_k8s_inventory.postgres.statements import NOT_SEEN
from airflow_provider_k8s_inventory.sync.ahead import ahead
from airflow_provider_k8s_inventory.sync.work import Work

PER_OBJECT: Final = 2
"""How many objects' metadata take the place of one whole object in a page: half of it may be managedFields."""
MAX_SHARE: Final = 0.1
"""When more than this share of the objects differs, a list of all is cheaper than a request for each."""
MIN_DIFFERING: Final = 50
"""So few may always differ."""
_AT_ONCE: Final = 16
"""Objects held at a time while they are fetched one by one."""


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
    :raises ForbiddenError: when objects may be listed and not read.
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
            fetched = [page for page in pages if page is not None]
            _correct(work, batch, pages)
            for page in fetched:
                work.tally.took(page)
                loading.copy(work.cursor, work.target, reader.rows(page))
    work.tally.warnings.extend(reader.warnings)


def _get(work: Work, seen: Seen) -> Page | None:
    """The object of that name, which may be another one by now; None when there is none."""
    # A name is a path segment, which may be anything but slashes and percent signs.
    # https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names
    path = f"{work.answer.definition.resource.path(seen.namespace)}/{quote(seen.name)}"
    try:
        body, replaced = text.holdable(work.client.get(path))
    except NotServedError:
        return None
    return Page(items=[msgspec.Raw(body)], resource_version="", token=None, size=len(body), replaced=replaced)


def _correct(work: Work, batch: Sequence[Seen], pages: Sequence[Page | None]) -> None:
    """An object that vanished between the two reads is not seen any more; one that took its name is."""
    vanished: list[str] = []
    new: list[Seen] = []
    for seen, page in zip(batch, pages, strict=True):
        now = _identity(page.items[0]) if page else None
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
    return Seen(metadata.uid, metadata.namespace, metadata.name, metadata.resource_version)
