"""Sync many scopes at a time, each its own transaction and report; one that fails stops no other.

One scope is in `running`; which ones names, globs and groups mean is in `expanding`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from threading import Event
from typing import Final

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import (
    DatabaseError,
    InventoryError,
    ScopeError,
    UnknownResourceError,
    released,
)
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.kubeconfig import Context
from airflow_provider_k8s_inventory.model import Origin, Scope, Status, SyncReport
from airflow_provider_k8s_inventory.postgres import explaining, inventoried
from airflow_provider_k8s_inventory.sync import expanding, remembering
from airflow_provider_k8s_inventory.sync.database import Connect, Database
from airflow_provider_k8s_inventory.sync.elsewhere import Elsewhere
from airflow_provider_k8s_inventory.sync.expanding import Problem
from airflow_provider_k8s_inventory.sync.facts import ClusterFacts
from airflow_provider_k8s_inventory.sync.recording import UnrecordedError, blank, record
from airflow_provider_k8s_inventory.sync.resolving import scope_of
from airflow_provider_k8s_inventory.sync.running import repeat, run
from airflow_provider_k8s_inventory.sync.settings import Settings
from airflow_provider_k8s_inventory.sync.threads import thread_pool
from airflow_provider_k8s_inventory.sync.underway import UnderWay

log = logging.getLogger(__name__)

MAX_PARALLEL_CONTEXTS: Final = 4
"""Contexts at a time."""


def run_fleet(
    contexts: Sequence[Context],
    names: Sequence[str],
    connect: Connect,
    settings: Settings,
    *,
    parallel: int = MAX_PARALLEL_CONTEXTS,
    under_way: UnderWay | None = None,
    remark: Callable[[str], object] = log.info,
) -> Iterator[SyncReport]:
    """Sync resources of many contexts.

    :param contexts: the contexts.
    :param names: the resources: names, globs, groups and exclusions.
    :param connect: opens a connection, and another one after it broke. The contexts share them: there are at most
        `max_parallel_requests` × `parallel` at a time, and fewer where PostgreSQL refuses more.
    :param settings: what the caller chooses.
    :param parallel: contexts at a time.
    :param under_way: where the scopes are registered while they are synced.
    :param remark: takes what a person may want to know of a context, and no report says.
    :returns: the reports, each as soon as its scope has ended.
    """
    reports: SimpleQueue[SyncReport | None] = SimpleQueue()
    abandoned = Event()
    database, elsewhere = Database(connect, settings.schema), Elsewhere()
    with closing(database), thread_pool(parallel, "k8s-inventory-context") as pool:

        def sync(context: Context) -> None:
            try:
                with Client(context, max_parallel_requests=settings.max_parallel_requests) as client:
                    for report in _run_context(
                        client, names, database, settings, under_way=under_way, elsewhere=elsewhere, remark=remark
                    ):
                        reports.put(report)
                        if abandoned.is_set():
                            break
            finally:
                reports.put(None)

        futures = [pool.submit(sync, context) for context in contexts]
        try:
            for _ in futures:
                while (report := reports.get()) is not None:
                    yield report
            for future in as_completed(futures):
                future.result()
            for report in elsewhere.settle():
                yield _recorded(report, database)
        finally:
            # The caller wants no more, perhaps by Ctrl-C.
            abandoned.set()


def _recorded(report: SyncReport, database: Database) -> SyncReport:
    try:
        with database.connection() as conn:
            return record(conn, database.schema, report, database.connect)
    except UnrecordedError as error:
        database.late(error.report)
        return replace(error.report, reason=error.reason)
    except DatabaseError as error:
        database.late(report)
        return replace(report, status="failed", reason=str(error))


def run_context(
    client: Client,
    names: Sequence[str],
    connect: Connect,
    settings: Settings,
    origin: Origin | None = None,
    under_way: UnderWay | None = None,
    since: datetime | None = None,
) -> Iterator[SyncReport]:
    """Sync resources of one context, as many at a time as it may have requests.

    What stops one sync because the cluster does not respond at all is recorded for the others without asking again.

    :param names: the resources: names, globs, groups and exclusions.
    :param origin: the Airflow task instance, for the ledger.
    :param under_way: where the scopes are registered while they are synced.
    :param since: the start of the Airflow run; a cluster that its tasks have just found down is not asked again.
    :returns: the reports, each as soon as its scope has ended.
    :raises UnknownResourceError: when there is no such resource.
    """
    with closing(Database(connect, settings.schema)) as database:
        yield from _run_context(client, names, database, settings, origin, under_way, since)


def refuse_context(
    context_name: str,
    names: Sequence[str],
    connect: Connect,
    settings: Settings,
    error: Exception,
    origin: Origin | None = None,
) -> list[SyncReport]:
    """Record for every scope of a context why none could begin: this worker lacks a kubeconfig, for example.

    :param error: what was raised; its message becomes the reason, with the name of this machine.
    :returns: the reports, whether or not they could be written; of globs and groups among the names there are none.
    """
    reports = []
    with closing(Database(connect, settings.schema)) as database:
        for name in expanding.catalogued(names):
            report = blank(scope_of(context_name, expanding.label(name), settings), "failed", origin=origin)
            reports.append(replace(report, reason=f"on {report.host}: {error}"))
            database.late(reports[-1])
    return reports


def _run_context(
    client: Client,
    names: Sequence[str],
    database: Database,
    settings: Settings,
    origin: Origin | None = None,
    under_way: UnderWay | None = None,
    since: datetime | None = None,
    elsewhere: Elsewhere | None = None,
    remark: Callable[[str], object] = log.info,
) -> Iterator[SyncReport]:
    names = expanding.checked(names)
    log.info("%s: %s → schema %s", client.context.name, client.context.server, settings.schema)
    own = [name for name in expanding.catalogued(names) if name in resources.CATALOGUE]
    syncs = _ContextSyncs(
        client=client,
        facts=ClusterFacts(client),
        database=database,
        settings=settings,
        origin=origin,
        under_way=under_way or UnderWay(),
        remark=remark,
    )
    database.expect(len(own) + bool(since))
    if since:
        syncs.recall(since)
    # One alone, to find out whether the cluster responds.
    for name in own[:1]:
        yield syncs.sync(name)
    meant, reports = syncs.expand(names, elsewhere)
    yield from reports
    rest = [name for name in _in_order(names, own, meant) if name not in own[:1]]
    database.expect(len(rest) - len(own[1:]))
    with thread_pool(settings.max_parallel_requests, "k8s-inventory-scope") as pool:
        futures = [pool.submit(syncs.sync, name) for name in rest]
        for future in as_completed(futures):
            yield future.result()


def _in_order(names: Sequence[str], own: Sequence[str], meant: Mapping[str, str]) -> list[str]:
    """Put the resources into the order they were asked for, each once; what only globs mean comes last."""
    asked = list(map(resources.canonical, names))
    found = {name: name for name in own} | {resources.canonical(name): canonical for name, canonical in meant.items()}
    places = sorted(found, key=lambda name: asked.index(name) if name in asked else len(asked))
    return list(dict.fromkeys(found[name] for name in places))


@dataclass(kw_only=True, slots=True)
class _ContextSyncs:
    """The syncs of one context: they share its client, the facts about its cluster, and the database."""

    client: Client
    facts: ClusterFacts
    database: Database
    settings: Settings
    origin: Origin | None
    under_way: UnderWay
    remark: Callable[[str], object]
    hopeless: SyncReport | None = None

    def recall(self, since: datetime) -> None:
        """Look up whether the cluster is known to be down."""
        # A database that cannot be read is each scope's own failure.
        with suppress(psycopg.Error, DatabaseError), self.database.connection() as conn:
            if self.origin:
                context = self.client.context
                self.hopeless = remembering.down(conn, self.settings.schema, context, self.origin, since)

    def sync(self, name: str) -> SyncReport:
        with self.under_way.doing(self.client.context.name, name):
            return self._sync(name)

    def _sync(self, name: str) -> SyncReport:
        try:
            with self.database.connection() as conn:
                if self.hopeless:
                    return repeat(conn, name, self.settings, self.hopeless)
                report = run(
                    self.client, conn, name, self.settings, self.origin, self.facts, connect=self.database.connect
                )
        except UnrecordedError as error:
            self.database.late(error.report)
            return replace(error.report, reason=error.reason)
        except InventoryError as error:
            report = self._report(name, "failed", str(error), error)
            self.database.late(report)
            return report
        if report.meaning.down:
            # Perhaps only of this resource; whether of all, the next scope finds out by asking who the cluster is.
            self.facts.forget()
            if not report.responded:
                self.hopeless = report
        return report

    def expand(self, names: Sequence[str], elsewhere: Elsewhere | None) -> tuple[dict[str, str], list[SyncReport]]:
        """Expand names that are not the catalogue's, globs and groups, and report those that mean nothing.

        Those are in the ledger too, under a name that is no scope.

        :param elsewhere: takes what this context cannot resolve; None: it is reported.
        :returns: the canonical names by what they were asked for as, and the reports.
        """
        names = [name for name in names if resources.canonical(name) not in resources.CATALOGUE]
        if all(map(expanding.is_exclusion, names)):
            return {}, []
        try:
            with self.under_way.doing(self.client.context.name, ", ".join(names)), self.database.connection() as conn:
                meant, problems = self._meaning(names, conn)
                reports = list(self._problems(problems, elsewhere))
                for report in reports:
                    record(conn, self.settings.schema, report)
        except (psycopg.Error, DatabaseError) as error:
            said = explaining.explain(error) if isinstance(error, psycopg.Error) else str(error)
            lost = [name for name in names if not expanding.is_exclusion(name)]
            reports = [self._report(expanding.label(name), "failed", said) for name in lost]
            for report in reports:
                self.database.late(report)
            return {}, reports
        if elsewhere:
            for name, canonical in meant.items():
                elsewhere.learn(self.client.context.name, name, canonical)
        return meant, reports

    def _meaning(self, names: Sequence[str], conn: psycopg.Connection) -> tuple[dict[str, str], list[Problem]]:
        context_name, schema = self.client.context.name, self.settings.schema
        globs = list(filter(expanding.is_glob, names))
        stored = inventoried.stored(conn, schema, context_name) if globs else []
        lookup = partial(inventoried.lookup, conn, schema)
        if self.hopeless:
            return expanding.expand_stored(names, stored, lookup), []
        try:
            found = self.facts.discovery()
            if omitted := expanding.omitted(names, found):
                self.remark(f"{context_name}: left out: {omitted}")
            return expanding.expand(names, found, context_name, stored, lookup)
        except ScopeError as error:
            # Without discovery nobody knows their versions: none of them can be read.
            lost = [
                *dict.fromkeys(expanding.expand_stored(names, stored, lookup).values()),
                *([", ".join(globs)] if globs else ()),
            ]
            return {}, [Problem(name, name, error.status, str(error), error) for name in lost]

    def _problems(self, problems: Sequence[Problem], elsewhere: Elsewhere | None) -> Iterator[SyncReport]:
        for problem in problems:
            report = self._report(problem.label, problem.status, problem.reason, problem.error)
            if problem.unresolved and elsewhere:
                elsewhere.hold(problem.name, report)
            else:
                yield report

    def _report(self, name: str, status: Status, reason: str, error: InventoryError | None = None) -> SyncReport:
        """Make the report of what `run` cannot report on: without the ledger, or no scope at all."""
        try:
            scope = scope_of(self.client.context.name, name, self.settings)
        except UnknownResourceError:
            scope = Scope(context_name=self.client.context.name, resource=name)
        return replace(blank(scope, status, reason, self.origin), error=error and released(error))
