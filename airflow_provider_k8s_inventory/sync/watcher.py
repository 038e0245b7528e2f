"""Keep scopes fresh: sync each, then write the changes that a watch of it brings, until told to stop.

One event loop has all watches; a few threads have the database. The checkpoint in ``k8s_scopes`` is the truth: changes
are written only where the rows stand at the very resourceVersion that the watch began at, so a sync from elsewhere, or
a second watcher, costs a look-up and never a change. What a watch cannot prove is for a sync of that scope.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, Final

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import (
    DatabaseError,
    InventoryError,
    LockedError,
    OvertakenError,
    ScopeError,
    UnprovenError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.streams import Pauses, Streams
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.postgres import inventoried, sessions
from airflow_provider_k8s_inventory.postgres.scopes import Bookmark
from airflow_provider_k8s_inventory.sync import batches, expanding, running, standing
from airflow_provider_k8s_inventory.sync.batches import Batch
from airflow_provider_k8s_inventory.sync.conditions import Conditions
from airflow_provider_k8s_inventory.sync.database import Connect
from airflow_provider_k8s_inventory.sync.facts import ClusterFacts
from airflow_provider_k8s_inventory.sync.leading import Leads
from airflow_provider_k8s_inventory.sync.settings import Settings
from airflow_provider_k8s_inventory.sync.standing import Standing
from airflow_provider_k8s_inventory.sync.writers import Bookmarks, Threads

log = logging.getLogger(__name__)

SYNCS: Final = 2
"""Syncs at a time, so that a restart of everything is no storm of lists, and batches find a connection."""
DAY: Final = 86_400.0
"""Seconds after which a scope is synced though its watch missed nothing that anybody knows of."""
BUSY: Final = 0.25
"""Seconds to wait for another sync of the scope."""
LONG: Final = 10.0
"""Seconds of a watch after whose end the next one may begin at once: a server that ends each soon is not to be asked at
every moment."""
KEPT: Final = 5.0
"""Seconds between two signs of life of a lead."""
GRACE: Final = 3.0
"""Seconds to write what has come before the end."""


class Watcher:
    """The watches of many contexts."""

    def __init__(
        self,
        contexts: Sequence[Context],
        names: Sequence[str],
        connect: Connect,
        settings: Settings,
        *,
        interval: float,
    ) -> None:
        """Begin nothing yet.

        :param names: the resources: names, globs, groups and exclusions.
        :param connect: opens a connection.
        :param interval: seconds between two syncs of a scope that cannot be watched, and between two looks for new
            resources.
        """
        self.contexts = tuple(contexts)
        self.names = expanding.checked(names)
        self.settings = settings
        self.interval = interval
        self.conditions = Conditions(unseen={context.name for context in contexts})
        self.database = Threads(connect)
        self.bookmarks = Bookmarks(self.database, settings.schema)
        self.leads = Leads(connect, settings.schema)
        self.syncs = asyncio.Semaphore(SYNCS)
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Watch until `stop` is set; what has come by then is written first."""
        self.ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watches = [ContextWatch(self, context) for context in self.contexts]
        tasks = [asyncio.create_task(watch.run()) for watch in watches]
        await self.stop.wait()
        self.ending.set_result(None)
        _, late = await asyncio.wait(tasks, timeout=GRACE) if tasks else (set(), set())
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.database.close()
        self.leads.close()

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than until `stop` is set."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), seconds)


class ContextWatch:
    """The watches of one context, while this process leads it."""

    def __init__(self, watcher: Watcher, context: Context) -> None:
        self.watcher = watcher
        self.context = context
        self.client = Client(context, max_parallel_requests=watcher.settings.max_parallel_requests)
        self.facts = ClusterFacts(self.client)
        self.streams = Streams(context)
        self.led = True
        self.ending: asyncio.Future[None]
        """Done when the lead is lost."""
        self._scopes: dict[str, asyncio.Task[None]] = {}

    @property
    def over(self) -> bool:
        """True where there is nothing more to do."""
        return self.watcher.stop.is_set() or not self.led

    async def run(self) -> None:
        """Wait for the lead, watch while it is kept, and wait again."""
        asked = repr((self.watcher.names, self.watcher.settings.selections))
        what = f"{self.context.name}/{sha256(asked.encode()).hexdigest()[:16]}"
        said = False
        try:
            while not self.watcher.stop.is_set():
                term = await self._lead(what)
                if term is not None:
                    self.watcher.conditions.waiting.discard(self.context.name)
                    await self._watch(term)
                elif not said:
                    log.info("%s: another watcher leads, or the database is away; waiting", self.context.name)
                    said = True
                await self.watcher.pause(random.uniform(1, 3))  # noqa: S311  # it only spreads the tries
        finally:
            await self.streams.close()
            self.client.close()

    async def _lead(self, what: str) -> int | None:
        try:
            term = await asyncio.to_thread(self.watcher.leads.take, what)
            if term is None:
                self.watcher.conditions.waiting.add(self.context.name)
            return term
        except (psycopg.Error, InventoryError) as error:
            log.info("%s: %s", self.context.name, error)
            return None

    async def _watch(self, term: int) -> None:
        """Watch until the lead is lost; look for new resources meanwhile."""
        self.led, looked = True, -self.watcher.interval
        self.ending = asyncio.get_running_loop().create_future()
        while self.led and not self.watcher.stop.is_set():
            if time.monotonic() - looked >= self.watcher.interval or looked < 0:
                looked = time.monotonic()
                await self._look()
            await self.watcher.pause(KEPT)
            self.led = await asyncio.to_thread(self.watcher.leads.is_kept, term)
        self.ending.set_result(None)
        await asyncio.gather(*self._scopes.values(), return_exceptions=True)
        self._scopes.clear()

    async def _look(self) -> None:
        """Begin with resources that are new; one that is no longer served is synced at intervals, and absent."""
        self.facts.forget()
        own = [name for name in expanding.catalogued(self.watcher.names) if name in resources.CATALOGUE]
        try:
            found = [*own, *await self.watcher.database.do(self._meant)]
        except (ScopeError, InventoryError, psycopg.Error) as error:
            log.warning("%s: what there is to watch cannot be told: %s", self.context.name, error)
            found = own
        self.watcher.conditions.unseen.discard(self.context.name)
        for name in dict.fromkeys(found):
            task = self._scopes.get(name)
            if task is None or task.done():
                self._scopes[name] = asyncio.create_task(ScopeWatch(self, name).run())

    def _meant(self, conn: psycopg.Connection) -> list[str]:
        names = [name for name in self.watcher.names if resources.canonical(name) not in resources.CATALOGUE]
        if all(map(expanding.is_exclusion, names)):
            return []
        sessions.fit(conn)
        schema, context_name = self.watcher.settings.schema, self.context.name
        stored = inventoried.stored(conn, schema, context_name)
        meant, problems = expanding.expand(
            names, self.facts.discovery(), context_name, stored, partial(inventoried.lookup, conn, schema)
        )
        for problem in problems:
            log.info("%s: %s: %s", context_name, problem.name, problem.reason)
        return list(meant.values())


class ScopeWatch:
    """The watch of one scope."""

    def __init__(self, of: ContextWatch, name: str) -> None:
        self.of = of
        self.watcher = of.watcher
        self.name = name
        self.condition = self.watcher.conditions.of(of.context.name, name)
        self.pauses = Pauses()
        self.doubts = 0
        """Times in a row that a watch did not prove anything."""
        self.due = 0.0
        """When it is to be synced, by `time.monotonic`."""

    async def run(self) -> None:
        """Sync and watch, again and again."""
        while not self.of.over:
            try:
                await self._once()
            except (UnreachableError, psycopg.OperationalError) as error:
                # The checkpoint is where it was: no sync, and no storm of them when all is back.
                self.of.facts.forget()
                self._failing(str(error))
                await self.watcher.pause(self.pauses.next())
            except (InventoryError, psycopg.Error) as error:
                self.due = 0.0
                self._failing(str(error))
                await self.watcher.pause(self.pauses.next())
            except Exception as error:
                log.exception("%s · %s: a defect of this package", self.of.context.name, self.name)
                self.due = 0.0
                self._failing(f"a defect of this package, please report it: {type(error).__name__}: {error}")
                await self.watcher.pause(self.watcher.interval)

    async def _once(self) -> None:
        """Sync where that is due, then watch until the server ends it."""
        if time.monotonic() >= self.due:
            if not await self._sync():
                self.of.facts.forget()
                return
            self.due = time.monotonic() + DAY * random.uniform(0.9, 1.1)  # noqa: S311
        stands = await self.watcher.database.do(self._standing)
        if isinstance(stands, str) or self.doubts > 1:
            self._caught_up()
            self.due, self.doubts = 0.0, 0
            await self.watcher.pause(self.watcher.interval * random.uniform(0.8, 1.2))  # noqa: S311
            return
        began = time.monotonic()
        try:
            await Follower(self, stands).run()
            self.doubts = 0
        except OvertakenError as error:
            log.info("%s", error)
        except UnreachableError:
            raise
        except ScopeError as error:
            log.info("%s: %s; syncing", stands.scope, error)
            self.due = 0.0
            self.doubts += isinstance(error, UnprovenError)
        if time.monotonic() - began > LONG:
            self.pauses.reset()
        await self.watcher.pause(self.pauses.next())

    def _standing(self, conn: psycopg.Connection) -> Standing | str:
        return standing.find(conn, self.of.context.name, self.name, self.watcher.settings, self.of.facts)

    async def _sync(self) -> bool:
        """Sync; False, after a pause, when the rows are not what the cluster says."""
        async with self.watcher.syncs:
            if self.of.over:
                return False
            report = await self.watcher.database.do(self._run)
        self.watcher.conditions.tell(report)
        if report.good:
            self.condition.fresh_at = report.started_at
            return True
        if not report.meaning.turned_away:
            self._failing(f"{report.status}: {report.reason}")
        # Where only a person can help, each try is one more line of the ledger.
        longest = self.pauses.next() if report.meaning.retried else self.watcher.interval
        await self.watcher.pause(longest)
        return False

    def _run(self, conn: psycopg.Connection) -> SyncReport:
        return running.run(self.of.client, conn, self.name, self.watcher.settings, facts=self.of.facts)

    def _failing(self, problem: str) -> None:
        if self.condition.problem is None:
            log.warning("%s · %s: %s", self.of.context.name, self.name, problem)
        self.condition.problem, self.condition.caught_up = problem, False

    def _caught_up(self) -> None:
        if not self.condition.caught_up:
            again = "recovered" if self.condition.problem else "caught up"
            log.info("%s · %s: %s", self.of.context.name, self.name, again)
        self.condition.problem, self.condition.caught_up = None, True


class Follower:
    """One watch of a scope, and what of it is still to be written."""

    def __init__(self, of: ScopeWatch, stands: Standing) -> None:
        self.of = of
        self.watcher = of.watcher
        self.stands = stands
        self.batch = Batch(stands.since)
        self._bookmarked = time.monotonic()

    async def run(self) -> None:
        """Write what comes, until the watch ends, the lead is lost or the process is to stop.

        :raises OvertakenError: when the rows stand elsewhere by now.
        :raises ScopeError: as `Streams.events`, and as `running.receive`.
        """
        path, query = self.stands.endpoint
        ends = {self.of.of.ending, self.watcher.ending}
        events = self.of.of.streams.events(path, query, since=self.batch.since, expected=self.stands.resource)
        async with aclosing(events):
            coming = asyncio.ensure_future(anext(events, None))
            try:
                while not self.of.of.over:
                    left = self.batch.left
                    waits: set[asyncio.Future[Any]] = {coming, *ends}
                    longest = batches.QUIET if left is None else left
                    await asyncio.wait(waits, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
                    if coming.done():
                        came = coming.result()
                        if came is None:
                            break
                        if not came:
                            await asyncio.to_thread(self._identify)
                        self.of._caught_up()
                        self.batch.add(came)
                        coming = asyncio.ensure_future(anext(events, None))
                    await self._write_due()
            finally:
                coming.cancel()
                with suppress(asyncio.CancelledError, ScopeError):
                    await coming
        await self._write()

    def _identify(self) -> None:
        """See that the open watch is one of the rows' cluster: another one may have taken over its address.

        :raises UnprovenError: when it is not.
        """
        if self.of.of.facts.cluster_uid_now() != self.stands.cluster_uid:
            raise UnprovenError(f"{self.stands.scope}: it is another cluster that responds now")

    async def _write_due(self) -> None:
        due = self.batch.left
        quiet = due is None and self.batch.reached and time.monotonic() - self._bookmarked >= batches.QUIET
        if due == 0 or quiet:
            await self._write()

    async def _write(self) -> None:
        """Write what came; while the database is away, wait for it and read no further.

        :raises OvertakenError: as `run`.
        """
        batch, pauses = self.batch, Pauses()
        while batch.reached and batch.reached != batch.since:
            try:
                if len(batch):
                    await self.watcher.database.do(partial(self._receive, batch))
                else:
                    await self._advance(batch)
                break
            except LockedError:
                wait = BUSY
            except (psycopg.Error, DatabaseError) as error:
                self.of._failing(str(error))
                wait = pauses.next()
            await self.watcher.pause(wait)
            if self.of.of.over:
                return
        self._bookmarked = time.monotonic()
        self.of.condition.fresh_at = batch.reached_at or self.of.condition.fresh_at
        self.batch = Batch(batch.reached or batch.since)

    def _receive(self, batch: Batch, conn: psycopg.Connection) -> None:
        of = self.of.of
        self.watcher.conditions.tell(
            running.receive(of.client, conn, self.of.name, self.watcher.settings, batch.received(), of.facts)
        )

    async def _advance(self, batch: Batch) -> None:
        told = Bookmark(
            scope=self.stands.scope, since=batch.since, resource_version=batch.reached, at=datetime.now(UTC)
        )
        if not await self.watcher.bookmarks.advance(told):
            raise OvertakenError(f"{self.stands.scope}: the rows are no longer at {batch.since}")
