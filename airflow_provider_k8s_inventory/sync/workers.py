"""Threads for the length of a block; what is done in them is in `fleet` and `metadata`, reading ahead in `ahead`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def workers(count: int, name: str) -> Iterator[Executor]:
    """Threads that end with the block, also when it fails: what is under way ends, nothing new begins.

    :param name: what the threads are called.
    """
    executor = ThreadPoolExecutor(count, name)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
