"""Threads for the length of a block, which end with it: who leaves ends what they have under way.

What is done in them is in `fleet` and `metadata`, reading ahead in `ahead`; how it is ended is in `kube.stopping`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from airflow_provider_k8s_inventory.kube.stopping import Stop, current

_T = TypeVar("_T")

GRACE: Final = 1.0
"""Seconds for which the end of threads is waited for. One that a name server or PostgreSQL keeps longer is left behind:
it ends when it looks up, at the latest with the process."""


class Workers:
    """A few threads, and what waits for them.

    Not `concurrent.futures.ThreadPoolExecutor`: the interpreter waits for its threads at its end, however long.
    """

    def __init__(self, count: int, name: str, stop: Stop) -> None:
        """Start nothing yet.

        :param count: how many threads, at most.
        :param name: what the threads are called.
        :param stop: rules them.
        """
        self._count = count
        self._name = name
        self._stop = stop
        self._waiting: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()
        self._moved = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(self, work: Callable[..., _T], *arguments: Any) -> Future[_T]:
        """Let a thread do it, in turn."""
        future: Future[_T] = Future()
        with self._moved:
            self._waiting.append((future, work, arguments))
            if len(self._waiting) > self._idle and len(self._threads) < self._count:
                name = f"{self._name}_{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
                self._threads[-1].start()
            self._moved.notify()
        return future

    def leave(self) -> None:
        """End what is under way, begin nothing new, and wait a moment for the threads."""
        with self._moved:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._moved.notify_all()
        for future, _, _ in waiting:
            future.cancel()
        self._stop.set()
        until = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        with self._stop.ruling():
            while self._one():
                pass

    def _one(self) -> bool:
        """Do one thing; False when there will be none. Nothing of it is kept while waiting for the next."""
        with self._moved:
            self._idle += 1
            self._moved.wait_for(lambda: self._waiting or self._closed)
            self._idle -= 1
            if not self._waiting:
                return False
            future, work, arguments = self._waiting.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work(*arguments))
            except BaseException as error:
                future.set_exception(error)
        return True


@contextmanager
def workers(count: int, name: str) -> Iterator[Workers]:
    """Threads that end with the block, also when it fails."""
    stop = Stop()
    crew = Workers(count, name, stop)
    try:
        with current().calling(stop.set):
            yield crew
    finally:
        crew.leave()
