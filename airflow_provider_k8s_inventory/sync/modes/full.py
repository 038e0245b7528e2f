"""Read a scope whole: every object that there is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from psycopg import errors

from airflow_provider_k8s_inventory.exceptions import ExpiredError, NotServedError
from airflow_provider_k8s_inventory.kube import versions
from airflow_provider_k8s_inventory.model import Counts, Page
from airflow_provider_k8s_inventory.postgres import rows, staging
from airflow_provider_k8s_inventory.postgres.diff import EVERY, NOT_STAGED
from airflow_provider_k8s_inventory.postgres.filling import filling
from airflow_provider_k8s_inventory.sync.collection import Collection
from airflow_provider_k8s_inventory.sync.found import Found, Outcome
from airflow_provider_k8s_inventory.sync.remarks import Remarks
from airflow_provider_k8s_inventory.sync.restoring import restored
from airflow_provider_k8s_inventory.sync.rows import RowReader
from airflow_provider_k8s_inventory.sync.storing import Store

log = logging.getLogger(__name__)

MAX_RESTARTS: Final = 3
"""How often a list whose snapshot expired is started again."""

_Write = Callable[[Page, RowReader], None]


def fill(collection: Collection, store: Store, since: str) -> Outcome | None:
    """Write a complete list straight into the table, the shortest way for a scope that has no rows.

    :param since: the resourceVersion at which the rows were complete; empty when there is none.
    :returns: None when the scope has rows, or gets one twice: they are to be staged then.
    :raises ScopeError: when the list does not get complete.
    """
    if not rows.are_none(store.cursor, store.target):
        return None
    try:
        with store.cursor.connection.transaction(), filling(store.cursor, store.target):
            found = _list(collection, store, partial(store.fill, now=datetime.now(UTC)), since)
    except errors.UniqueViolation as error:
        log.info("%s: %s; staging the rows", store.target.table.name, error.diag.message_detail)
        return None
    seen = found.seen or 0
    return Outcome(
        mode="full",
        counts=Counts(inserted=seen).of(seen),
        resource_version=found.resource_version,
        absence=found.absence,
        warnings=found.warnings,
    )


def read(collection: Collection, store: Store, since: str) -> Found:
    """Stage a complete list.

    :param since: the resourceVersion at which the rows were complete; empty when there is none.
    :raises ScopeError: when the list does not get complete.
    """
    rows.join_by_hash(store.cursor)
    store.start()
    found = _list(collection, store, store.stage, since)
    if found.absence:
        return found
    remarks = Remarks()
    for name in staging.tell_apart(store.cursor, store.target):
        remarks.add(name, "a uid that is or was another's too", "uid, namespace and name are the key")
    repeated = staging.deduplicate(store.cursor)
    if repeated:
        remarks.say(f"{repeated} objects came more than once in one list; the last one counts")
    return replace(found, seen=(found.seen or 0) - repeated, warnings=(*found.warnings, *remarks))


def _list(collection: Collection, store: Store, write: _Write, since: str) -> Found:
    """Write every page of one complete list; start again when its snapshot expires."""
    for _ in range(MAX_RESTARTS):
        try:
            with store.cursor.connection.transaction():
                return _write_pages(collection, store.reader(), write, since)
        except ExpiredError as error:
            log.info("%s; starting the list again", error)
        except NotServedError:
            absence = collection.prove_absent()
            return Found(mode="full", gone=EVERY, seen=0, resource_version=None, staged=False, absence=absence)
    raise ExpiredError(
        f"context {collection.client.context.name}: the list of {collection.name} expired {MAX_RESTARTS} times "
        f"before its end; nothing was changed. Read it in less time: with a page_size (--page-size) above "
        f"{collection.page_size}, which takes fewer requests, or some namespaces at a time (--namespace)"
    )


def _write_pages(collection: Collection, reader: RowReader, write: _Write, since: str) -> Found:
    collection.progress.restart_list()
    seen, version = 0, ""
    doubts: list[str] = []
    for page in collection.pages():
        seen += page.count
        # Of several namespaces' lists the oldest: none of the next ones may precede it.
        if not versions.precedes(version, page.resource_version):
            version = page.resource_version
        write(page, reader)
        if page.null and collection.resource.watchable:
            # Storage in etcd writes [] for none: k8s.io/apiserver, pkg/storage/etcd3/store.go, GetList.
            doubts.append("its items are null, which no API server with storage of its own sends")
    went_back = restored(collection, version, since)
    return Found(
        mode="full",
        gone=NOT_STAGED,
        seen=seen,
        resource_version=version or None,
        doubts=(*doubts, *((went_back,) if went_back else ())),
        warnings=(
            *((f"{went_back}: restored from a backup? Every object was read anew",) if went_back else ()),
            *reader.warnings,
        ),
    )
