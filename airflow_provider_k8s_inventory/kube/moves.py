"""Tell in which scopes something moved, and nothing else: watches of metadata, from now on.

What moved is for a sync to read. So a change that is told twice, or not at all, costs a sync or waits for the next one,
and no resourceVersion need outlive the process.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Collection, Mapping
from contextlib import aclosing
from typing import Final, NamedTuple

from airflow_provider_k8s_inventory.exceptions import (
    ExpiredError,
    ForbiddenError,
    NotServedError,
    ResponseError,
    ScopeError,
    UnauthorizedError,
    UnprovenError,
)
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.streams import METADATA, Pauses, Streams
from airflow_provider_k8s_inventory.model import Resource

log = logging.getLogger(__name__)

RARELY: Final = 300.0
"""Seconds between two tries where a person must change something first."""
_SPREAD: Final = 0.01
"""Seconds for each watch, over which all are opened, so that their handshakes do not hold the event loop."""
_HOPELESS: Final = (ForbiddenError, NotServedError, UnauthorizedError)


class Signal(NamedTuple):
    """A signal: where something moved."""

    moved: Mapping[str, list[str]]
    """The resources by context."""
    problem: str | None = None
    """The reason why not all is watched that should be, told once."""


class Moves:
    """The scopes in which something moved since they were last taken; for one event loop."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self.since: dict[tuple[str, str, str], str] = {}
        """The resourceVersion that each watch has come to, by context, server and path: another server knows nothing of
        those of the one before."""
        self._moved: dict[tuple[str, str], None] = {}
        self._problem: str | None = None
        self._told: str | None = None
        self._any = asyncio.Event()
        self._watches: list[asyncio.Task[None]] = []
        self._streams: list[Streams] = []

    async def watch(self, contexts: Collection[Context], resources: Mapping[str, Resource]) -> None:
        """Watch these scopes in place of those before; one that stays goes on where it was.

        :param resources: by the names that moves are told by.
        """
        await self.close()
        self._problem = self._told = None
        self._streams = [Streams(context) for context in contexts]
        spread = _SPREAD * len(contexts) * len(resources)
        self._watches = [
            asyncio.create_task(_Watch(self, streams, name, resource).run(after=random.uniform(0, spread)))  # noqa: S311
            for streams in self._streams
            for name, resource in resources.items()
        ]

    async def close(self) -> None:
        """End all watches."""
        watches, self._watches = self._watches, []
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        streams, self._streams = self._streams, []
        for each in streams:
            await each.close()

    def note(self, context_name: str, resource: str) -> None:
        """Remember that something moved."""
        self._moved[context_name, resource] = None
        self._any.set()

    def trouble(self, problem: str) -> None:
        """Let the next signal say why not all is watched, unless one has said the same."""
        self._problem = problem
        if problem != self._told:
            self._any.set()

    async def wait(self, seconds: float | None) -> bool:
        """Wait until there is something to signal; return False when there is nothing within the time."""
        try:
            await asyncio.wait_for(self._any.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def take(self) -> Signal:
        """Return what there is to signal, and begin anew."""
        moved, self._moved = self._moved, {}
        problem, self._told = self._problem if self._problem != self._told else None, self._problem
        self._any.clear()
        by_context: dict[str, list[str]] = {}
        for context_name, resource in sorted(moved):
            by_context.setdefault(context_name, []).append(resource)
        return Signal(by_context, problem)


class _Watch:
    """The watch of one scope, for ever; what goes wrong with it ends no other one."""

    def __init__(self, moves: Moves, streams: Streams, name: str, resource: Resource) -> None:
        self._moves = moves
        self._streams = streams
        self._name = name
        self._resource = resource
        self._scope = f"{streams.context.name} · {name}"
        self._key = streams.context.name, streams.context.server, resource.path()
        self._pauses = Pauses()
        self._failing = False

    async def run(self, *, after: float) -> None:
        await asyncio.sleep(after)
        while True:
            pause = None
            try:
                await self._once()
            except ScopeError as error:
                pause = self._fail(error)
            except Exception:
                log.exception("%s: a defect of this package, please report it", self._scope)
                pause = RARELY
            await asyncio.sleep(pause or self._pauses.next())

    async def _once(self) -> None:
        path, since = self._resource.path(), self._moves.since
        if self._key not in since:
            since[self._key] = await self._streams.version(path, expected=self._resource)
        async with aclosing(self._streams.events(path, since=since[self._key], accept=METADATA)) as coming:
            async for events in coming:
                self._recover()
                for event in events:
                    self._pauses.reset()
                    since[self._key] = event.resource_version or since[self._key]
                if any(event.type != "BOOKMARK" for event in events):
                    self._moves.note(self._streams.context.name, self._name)

    def _recover(self) -> None:
        if self._failing:
            log.warning("%s: watched again", self._scope)
        self._failing = False

    def _fail(self, error: ScopeError) -> float | None:
        """Say what is wrong, once; return how long to wait where that is long."""
        if isinstance(error, (ExpiredError, UnprovenError)) or (self._failing and isinstance(error, ResponseError)):
            # What was missed may be anything: it is signalled, and the next watch begins from now.
            if self._moves.since.pop(self._key, None) is not None:
                self._moves.note(self._streams.context.name, self._name)
            log.info("%s: %s; watched from now on", self._scope, error)
        elif not self._failing:
            log.warning("%s: %s", self._scope, error)
            self._failing = True
        return RARELY * random.uniform(0.8, 1.2) if isinstance(error, _HOPELESS) else None  # noqa: S311
