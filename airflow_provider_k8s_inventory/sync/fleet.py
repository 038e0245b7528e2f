"""Sync many contexts at a time, each its resources in order; one that fails delays no other.

One scope is in `running`. Airflow maps tasks instead, and does not need this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from itertools import takewhile
from queue import SimpleQueue
from threading import Event
from typing import Final

import psycopg

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.kube.kubeconfig import Context
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.sync.reading import scope_of
from airflow_provider_k8s_inventory.sync.running import repeat, run
from airflow_provider_k8s_inventory.sync.settings import Settings

MAX_PARALLEL_CONTEXTS: Final = 4
"""Contexts at a time: each holds one database connection and two pages."""

_HOPELESS: Final = frozenset({"unreachable", "unauthorized"})


def run_fleet(
    contexts: Sequence[Context],
    names: Sequence[str],
    connect: Callable[[], psycopg.Connection],
    settings: Settings,
    *,
    parallel: int = MAX_PARALLEL_CONTEXTS,
) -> Iterator[SyncReport]:
    """Sync every resource of every context.

    :param contexts: the contexts.
    :param names: the resources, as `run` takes them.
    :param connect: opens a connection; called once per context, and again after one broke.
    :param settings: what the caller chooses.
    :param parallel: contexts at a time.
    :returns: the reports, each as soon as its scope has ended; one per context and resource.
    """
    reports: SimpleQueue[SyncReport | None] = SimpleQueue()
    abandoned = Event()
    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="k8s-inventory") as executor:

        def sync(context: Context) -> None:
            try:
                asked = takewhile(lambda _: not abandoned.is_set(), names)
                _sync_context(context, asked, connect, settings, reports.put)
            finally:
                reports.put(None)

        futures = [executor.submit(sync, context) for context in contexts]
        try:
            for _ in futures:
                while (report := reports.get()) is not None:
                    yield report
            for future in as_completed(futures):
                future.result()
        finally:
            # The caller wants no more, perhaps by Ctrl-C: what is under way ends, nothing new begins.
            abandoned.set()
            executor.shutdown(wait=False, cancel_futures=True)


def _sync_context(
    context: Context,
    names: Iterable[str],
    connect: Callable[[], psycopg.Connection],
    settings: Settings,
    tell: Callable[[SyncReport], None],
) -> None:
    conn: psycopg.Connection | None = None
    hopeless: SyncReport | None = None
    with Client(context) as client:
        for name in names:
            try:
                conn = conn if conn and not conn.closed else connect()
                report = repeat(conn, name, settings, hopeless) if hopeless else run(client, conn, name, settings)
            except DatabaseError as error:
                report = _unwritten(context, name, settings, error)
            else:
                hopeless = report if _is_hopeless(report) else None
            tell(report)
    if conn:
        conn.close()


def _is_hopeless(report: SyncReport) -> bool:
    """Whether every other resource of the context would end the same.

    Not when the cluster had answered before: an aggregated API server that is down, or a conversion webhook, gives 503
    for its own resources only. What is known of the answered requests is the cluster's identity, or why it is missing.
    """
    return report.status in _HOPELESS and report.cluster_uid is None and not report.warnings


def _unwritten(context: Context, name: str, settings: Settings, error: DatabaseError) -> SyncReport:
    """The report of a scope that the ledger could not take."""
    scope, now = scope_of(context.name, name, settings), datetime.now(UTC)
    return SyncReport(
        context_name=scope.context_name,
        cluster_uid=None,
        resource=scope.resource,
        namespaces=scope.namespaces,
        status="failed",
        reason=str(error),
        started_at=now,
        finished_at=now,
    )
