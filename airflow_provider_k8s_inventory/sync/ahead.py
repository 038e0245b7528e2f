"""Run an iterator one step ahead, in a thread: one page is fetched while the one before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


def ahead(items: Iterable[_T]) -> Iterator[_T]:
    """The same items; the next one is under way while the caller has this one.

    Never more than that: the one after the next is asked for when the next is taken.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="k8s-inventory-ahead") as executor:
        coming = executor.submit(next, iterator, None)
        while (item := coming.result()) is not None:
            coming = executor.submit(next, iterator, None)
            yield item
