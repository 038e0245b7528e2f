"""Run an iterator one step ahead, in a thread: one page is fetched while the one before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from airflow_provider_k8s_inventory.sync.workers import workers

_T = TypeVar("_T")


def ahead(items: Iterable[_T]) -> Iterator[_T]:
    """The same items; the next one is under way while the caller has this one.

    Never more than that: the one after the next is asked for when the next is taken. Who leaves ends what is under way.
    """
    iterator = iter(items)
    with workers(1, "k8s-inventory-ahead") as crew:
        coming = crew.submit(next, iterator, None)
        while (item := coming.result()) is not None:
            coming = crew.submit(next, iterator, None)
            yield item
