"""Sync many scopes at a time, each its own transaction and report; one that fails stops no other.

One scope is in `running`; which ones names and globs mean is in `expanding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event
from typing import Final

import psycopg

from airflow_provider_k8s_inventory.exceptions import DatabaseError, InventoryError, ScopeError, UnknownResourceError
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.kube.kubeconfig import Context
from airflow_provider_k8s_inventory.model import Origin, Scope, Status, SyncReport
from airflow_provider_k8s_inventory.postgres import connecting
from airflow_provider_k8s_inventory.sync import expanding
from airflow_provider_k8s_inventory.sync.knowing import Known
from airflow_provider_k8s_inventory.sync.reading import scope_of
from airflow_provider_k8s_inventory.sync.running import blank, record, repeat, run
from airflow_provider_k8s_inventory.sync.settings import Settings
from airflow_provider_k8s_inventory.sync.underway import UnderWay
from airflow_provider_k8s_inventory.sync.workers import workers

MAX_PARALLEL_CONTEXTS: Final = 4
"""Contexts at a time."""

Connect = Callable[[], psycopg.Connection]
"""Opens a database connection."""

_HOPELESS: Final = frozenset({"unreachable", "unauthorized"})


def run_fleet(
    contexts: Sequence[Context],
    names: Sequence[str],
    connect: Connect,
    settings: Settings,
    *,
    parallel: int = MAX_PARALLEL_CONTEXTS,
    under_way: UnderWay | None = None,
) -> Iterator[SyncReport]:
    """Sync resources of many contexts.

    :param contexts: the contexts.
    :param names: the resources: names and globs.
    :param connect: opens a connection; called at most `max_parallel_requests` times per context, and again after one
        broke.
    :param settings: what the caller chooses.
    :param parallel: contexts at a time.
    :param under_way: where the scopes are registered while they are synced.
    :returns: the reports, each as soon as its scope has ended.
    """
    reports: SimpleQueue[SyncReport | None] = SimpleQueue()
    abandoned = Event()
    with workers(parallel, "k8s-inventory-context") as executor:

        def sync(context: Context) -> None:
            try:
                with Client(context, max_parallel_requests=settings.max_parallel_requests) as client:
                    for report in run_context(client, names, connect, settings, under_way=under_way):
                        reports.put(report)
                        if abandoned.is_set():
                            break
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
            # The caller wants no more, perhaps by Ctrl-C.
            abandoned.set()


def run_context(
    client: Client,
    names: Sequence[str],
    connect: Connect,
    settings: Settings,
    origin: Origin | None = None,
    under_way: UnderWay | None = None,
) -> Iterator[SyncReport]:
    """Sync resources of one context, as many at a time as it may have requests.

    What stops one sync because the cluster does not answer at all is recorded for the others without asking again.

    :param names: the resources: names and globs.
    :param origin: the Airflow task instance, for the ledger.
    :param under_way: where the scopes are registered while they are synced.
    :returns: the reports, each as soon as its scope has ended.
    :raises UnknownResourceError: when there is no such resource.
    """
    known = expanding.of_catalogue(names)
    crew = _Crew(
        client=client,
        known=Known(client),
        connect=connect,
        settings=settings,
        origin=origin,
        under_way=under_way or UnderWay(),
    )
    try:
        # One alone, to find out whether the cluster answers.
        for name in known[:1]:
            yield crew.sync(name)
        custom, reports = crew.expand(names)
        yield from reports
        rest = dict.fromkeys((*known[1:], *custom))
        with workers(settings.max_parallel_requests, "k8s-inventory-scope") as executor:
            futures = [executor.submit(crew.sync, name) for name in rest if name not in known[:1]]
            for future in as_completed(futures):
                yield future.result()
    finally:
        crew.close()


@dataclass(kw_only=True, slots=True)
class _Crew:
    """What the syncs of one context share: its client and what it said, idle connections, and whether there is hope."""

    client: Client
    known: Known
    connect: Connect
    settings: Settings
    origin: Origin | None
    under_way: UnderWay
    hopeless: SyncReport | None = None
    idle: list[psycopg.Connection] = field(default_factory=list)

    def sync(self, name: str) -> SyncReport:
        with self.under_way.doing(self.client.context.name, name):
            return self._sync(name)

    def _sync(self, name: str) -> SyncReport:
        try:
            with self._connection() as conn:
                if self.hopeless:
                    return repeat(conn, name, self.settings, self.hopeless)
                report = run(self.client, conn, name, self.settings, self.origin, self.known)
        except InventoryError as error:
            return self._report(name, "failed", str(error))
        if report.status in _HOPELESS:
            # Perhaps only of this resource; whether of all, the next scope finds out by asking who the cluster is.
            self.known.forget()
            if not _had_answered(report):
                self.hopeless = report
        return report

    def expand(self, names: Sequence[str]) -> tuple[list[str], list[SyncReport]]:
        """The custom resources that globs mean, and the reports of globs of which that cannot be told, or that none is.

        Those are in the ledger too, under the glob.
        """
        globs = [name for name in names if expanding.is_glob(name)]
        found: set[str] = set()
        reports: list[SyncReport] = []
        if not globs:
            return [], reports
        try:
            with self.under_way.doing(self.client.context.name, ", ".join(globs)), self._connection() as conn:
                found.update(expanding.kept(conn, self.settings.schema, self.client.context.name, globs))
                reports = [] if self.hopeless else self._defined(globs, found)
                for report in reports:
                    record(conn, self.settings.schema, report)
        except (psycopg.Error, DatabaseError) as error:
            said = connecting.explain(error) if isinstance(error, psycopg.Error) else str(error)
            reports = [self._report(", ".join(globs), "failed", said)]
        return sorted(found), reports

    def _defined(self, globs: Sequence[str], found: set[str]) -> list[SyncReport]:
        try:
            found.update(expanding.defined(self.client, globs))
        except ScopeError as error:
            return [self._report(", ".join(globs), error.status, str(error))]
        context_name = self.client.context.name
        return [
            self._report(glob, "absent", f"context {context_name} has no resource that matches {glob}")
            for glob in globs
            if not expanding.matches(glob, found)
        ]

    def close(self) -> None:
        for conn in self.idle:
            conn.close()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        conn: psycopg.Connection | None = None
        with suppress(IndexError):  # to ask first would not be safe: other threads take some too
            conn = self.idle.pop()
        conn = conn or self.connect()
        try:
            yield conn
        finally:
            if not conn.closed:
                self.idle.append(conn)

    def _report(self, name: str, status: Status, reason: str) -> SyncReport:
        """The report of what `run` cannot report on: without the ledger, or no scope at all."""
        try:
            scope = scope_of(self.client.context.name, name, self.settings)
        except UnknownResourceError:
            scope = Scope(context_name=self.client.context.name, resource=name)
        return blank(scope, status, reason, self.origin)


def _had_answered(report: SyncReport) -> bool:
    """Whether the cluster had answered before it did not, so that other resources need not end the same.

    An aggregated API server that is down, or a conversion webhook, gives 503 for its own resources only. What is known
    of the answered requests is the cluster's identity, or why it is missing.
    """
    return report.cluster_uid is not None or bool(report.warnings)
