"""Read a scope whole: every object that there is."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from psycopg import errors

from airflow_provider_k8s_inventory.exceptions import ExpiredError, NotServedError
from airflow_provider_k8s_inventory.kube import versions
from airflow_provider_k8s_inventory.postgres import loading
from airflow_provider_k8s_inventory.postgres.statements import NOT_STAGED
from airflow_provider_k8s_inventory.sync import reading, removing, restoring
from airflow_provider_k8s_inventory.sync.ahead import ahead
from airflow_provider_k8s_inventory.sync.remarks import Remarks
from airflow_provider_k8s_inventory.sync.storing import Row, Write, store
from airflow_provider_k8s_inventory.sync.work import Work

log = logging.getLogger(__name__)

MAX_RESTARTS: Final = 3
"""How often a list whose snapshot expired is started again."""


def read(work: Work) -> str | None:
    """Make the rows what a complete list says.

    :returns: why there is nothing, when the cluster is proven not to serve the resource.
    :raises ScopeError: when the answer does not get complete.
    """
    work.tally.mode = "full"
    if loading.is_empty(work.cursor, work.target):
        try:
            with work.cursor.connection.transaction():
                return _fill(work)
        except errors.UniqueViolation as error:
            log.info("%s: %s; staging the rows", work.target.table.name, error.diag.message_detail)
    return _compare(work)


def _fill(work: Work) -> str | None:
    """The shortest way into the table, for a scope that has no rows."""
    now = datetime.now(UTC)

    def write(rows: Iterable[Row]) -> None:
        loading.copy_new(work.cursor, work.target, rows, cluster_uid=work.answer.cluster_uid, now=now)

    absence = _list(work, write)
    work.tally.inserted = work.tally.seen
    return absence


def _compare(work: Work) -> str | None:
    """Stage what there is, and write what is new or differs."""
    tally = work.tally
    loading.plan_for_many(work.cursor)
    loading.stage(work.cursor, work.target)
    absence = _list(work, partial(loading.copy, work.cursor, work.target))
    if absence:
        removing.absent(work)
        return absence
    _tell_apart(work)
    if duplicates := loading.deduplicate(work.cursor):
        tally.seen -= duplicates
        tally.warnings.append(f"{duplicates} objects came more than once in one list; the last one counts")
    removing.unlisted(work, NOT_STAGED)
    work.merge()
    return None


def _tell_apart(work: Work) -> None:
    """Give objects that share a uid keys of their own."""
    remarks = Remarks()
    for name in loading.tell_apart(work.cursor, work.target):
        remarks.add(name, "a uid that is or was another's too", "uid, namespace and name are the key")
    work.tally.warnings.extend(remarks)


def _list(work: Work, write: Write) -> str | None:
    """Write every page of one complete list; start again when its snapshot expires."""
    for _ in range(MAX_RESTARTS):
        try:
            with work.cursor.connection.transaction():
                _write_pages(work, write)
            return None
        except ExpiredError as error:
            log.info("%s; starting the list again", error)
        except NotServedError:
            work.tally.pages = work.tally.seen = 0
            work.tally.resource_version = None
            return reading.prove_absent(work.client, work.answer.definition.resource)
    raise ExpiredError(
        f"context {work.client.context.name}: the list of {work.answer.definition.name} expired {MAX_RESTARTS} times "
        f"before its end; nothing was changed. Read it in less time: with a page_size (--page-size) above "
        f"{work.settings.page_size}, which takes fewer requests, or some namespaces at a time (--namespace)"
    )


def _write_pages(work: Work, write: Write) -> None:
    tally, reader = work.tally, work.reader()
    tally.pages = tally.seen = 0
    tally.resource_version = None
    tally.doubts.clear()
    for page in ahead(work.answer.pages(work.client)):
        tally.took(page)
        tally.seen += len(page.items)
        # Of several namespaces' lists the oldest: none of the next ones may precede it.
        if not versions.precedes(tally.resource_version or "", page.resource_version):
            tally.resource_version = page.resource_version or None
        store(work, reader, page, write)
        if page.null and work.answer.definition.resource.watchable:
            # Storage in etcd writes [] for none: k8s.io/apiserver, pkg/storage/etcd3/store.go, GetList.
            tally.doubts.append("its items are null, which no API server with storage of its own sends")
    restoring.check(work)
    tally.warnings.extend(reader.warnings)
