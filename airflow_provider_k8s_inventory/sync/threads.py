"""Threads for the length of a block: whoever leaves it ends what they have under way.

Threads, and no asyncio: the work is urllib3's waiting, msgspec's decoding and psycopg's COPY, which let other threads
run, and hooks and operators of Airflow are called from threads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, Final, TypeVar

from airflow_provider_k8s_inventory.kube.stopping import Stop, current

_T = TypeVar("_T")

GRACE: Final = 1.0
"""Seconds to wait for the end of threads. One that a name server or PostgreSQL keeps longer is left behind: it ends
when that responds, at the latest with the process."""


class ThreadPool:
    """A few threads, and a queue of what they are to do.

    Not `concurrent.futures.ThreadPoolExecutor`: the interpreter waits for its threads at its end, however long.
    """

    def __init__(self, count: int, name: str, stop: Stop) -> None:
        """Start nothing yet.

        :param count: how many threads, at most.
        :param name: a prefix for the threads' names.
        :param stop: ends what the threads have under way.
        """
        self._count = count
        self._name = name
        self._stop = stop
        self._queue: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(self, call: Callable[..., _T], *arguments: Any) -> Future[_T]:
        """Let a thread call it, in turn."""
        future: Future[_T] = Future()
        with self._changed:
            # What the caller counts and traces, the thread does for it.
            self._queue.append((future, copy_context().run, (call, *arguments)))
            if len(self._queue) > self._idle and len(self._threads) < self._count:
                name = f"{self._name}_{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._run, name=name, daemon=True))
                self._threads[-1].start()
            self._changed.notify()
        return future

    def shut_down(self) -> None:
        """End what is under way, begin nothing new, and wait a moment for the threads."""
        with self._changed:
            self._closed = True
            queue = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        for future, _, _ in queue:
            future.cancel()
        self._stop.set()
        until = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        with self._stop.ruling():
            while self._run_one():
                pass

    def _run_one(self) -> bool:
        """Make one call; False when there will be none. Nothing of it is kept while waiting for the next."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._queue or self._closed)
            self._idle -= 1
            if not self._queue:
                return False
            future, call, arguments = self._queue.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call(*arguments))
            except BaseException as error:
                future.set_exception(error)
        return True


@contextmanager
def thread_pool(count: int, name: str) -> Iterator[ThreadPool]:
    """Threads that end with the block, also when it fails.

    :param count: how many, at most.
    :param name: a prefix for their names.
    """
    stop = Stop()
    pool = ThreadPool(count, name, stop)
    try:
        with current().calling(stop.set):
            yield pool
    finally:
        pool.shut_down()


def prefetch(items: Iterable[_T]) -> Iterator[_T]:
    """Yield the same items; the next one is fetched while the caller has this one.

    Never more than one ahead, so memory holds two pages. Whoever stops iterating ends what is under way.
    """
    iterator = iter(items)
    with thread_pool(1, "k8s-inventory-prefetch") as pool:
        coming = pool.submit(next, iterator, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, iterator, None)
            yield item
