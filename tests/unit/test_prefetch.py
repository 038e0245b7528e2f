"""One page is fetched while the one before it is written; never more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from airflow_provider_k8s_inventory.sync.threads import prefetch


class Pages:
    """An iterable that says how far it was asked to go, and lets a test wait for that."""

    def __init__(self, count: int, *, fails_at: int | None = None) -> None:
        self._count = count
        self._fails_at = fails_at
        self._moved = threading.Condition()
        self.started = 0
        self.threads: set[int] = set()

    def __iter__(self) -> Iterator[int]:
        for number in range(1, self._count + 1):
            self.threads.add(threading.get_ident())
            with self._moved:
                self.started = number
                self._moved.notify_all()
            if number == self._fails_at:
                raise ConnectionError("broken off")
            yield number

    def wait_for(self, number: int) -> None:
        with self._moved:
            assert self._moved.wait_for(lambda: self.started >= number, timeout=10)


def test_all_items_come_in_their_order() -> None:
    assert list(prefetch(Pages(5))) == [1, 2, 3, 4, 5]


def test_nothing_comes_of_nothing() -> None:
    assert list(prefetch(Pages(0))) == []


def test_the_next_item_is_under_way_while_the_caller_has_one() -> None:
    pages = Pages(3)
    taken = prefetch(pages)

    assert next(taken) == 1
    pages.wait_for(2)


def test_the_item_after_the_next_is_not_asked_for() -> None:
    pages = Pages(10)
    for number in prefetch(pages):
        pages.wait_for(min(number + 1, 10))
        assert pages.started <= number + 1


def test_items_are_fetched_outside_of_the_callers_thread() -> None:
    pages = Pages(2)
    list(prefetch(pages))

    assert threading.get_ident() not in pages.threads


def test_an_error_reaches_the_caller_behind_the_items_before_it() -> None:
    taken = prefetch(Pages(5, fails_at=3))

    assert [next(taken), next(taken)] == [1, 2]
    with pytest.raises(ConnectionError, match="broken off"):
        next(taken)


def test_a_caller_that_stops_leaves_no_thread_behind() -> None:
    pages = Pages(5)
    taken = prefetch(pages)
    next(taken)
    pages.wait_for(2)
    taken.close()  # type: ignore[attr-defined]  # a generator

    assert pages.threads.isdisjoint(thread.ident for thread in threading.enumerate())
