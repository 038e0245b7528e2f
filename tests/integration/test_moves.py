"""The scopes that moved, as watches of metadata tell them; a broken cluster among others; few signals of many moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from k8s_inventory_demo.clusters import clusters
from k8s_inventory_demo.simulator import Fault, Simulator

from airflow_provider_k8s_inventory.exceptions import UnknownResourceError
from airflow_provider_k8s_inventory.kube.moves import Moves, Signal
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.resources import signalling
from airflow_provider_k8s_inventory.triggers.debouncing import signals
from tests.kit.objects import pod
from tests.kit.waiting import wait_until

RESOURCES = signalling.find(["pods", "services"])
SOON = 20
"""Seconds; only for tests that fail."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(clusters()) as served:
        yield served


def contexts_of(simulator: Simulator) -> tuple[Context, ...]:
    return tuple(kubeconfig.parse(simulator.kubeconfig_document(), source="the simulator").contexts.values())


def within(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, SOON))


def watches(simulator: Simulator, name: str) -> int:
    return sum(request.verb == "watch" and request.code == 200 for request in simulator[name].requests)


@asynccontextmanager
async def watching(simulator: Simulator, **expected: int) -> AsyncIterator[Moves]:
    """Watch both clusters, until so many watches were opened in each."""
    moves = Moves()
    try:
        await moves.watch(contexts_of(simulator), RESOURCES)
        await opened(simulator, **expected)
        yield moves
    finally:
        await moves.close()


async def opened(simulator: Simulator, **expected: int) -> None:
    def are() -> bool:
        return all(watches(simulator, name) >= number for name, number in expected.items())

    await asyncio.to_thread(wait_until, are, f"{expected} watches")


async def signalled(moves: Moves) -> dict[str, list[str]]:
    await moves.wait(None)
    return dict(moves.take().moved)


def test_a_change_is_told_with_its_scope_and_no_other(simulator: Simulator) -> None:
    async def story() -> list[dict[str, list[str]]]:
        async with watching(simulator, dev=2, prod=2) as moves:
            simulator["dev"].create("pods", pod("new"))
            found = [await signalled(moves)]
            service = simulator["prod"].objects("services")[0]["metadata"]
            simulator["prod"].delete("services", service["name"], service["namespace"])
            return [*found, await signalled(moves)]

    assert within(story()) == [{"dev": ["pods"]}, {"prod": ["services"]}]
    # One object's metadata says from where to watch; nothing else is listed.
    lists = [request for request in simulator["dev"].requests if request.verb == "list"]
    assert [request.query["limit"] for request in lists] == ["1", "1"]


def test_what_a_server_has_forgotten_is_told_as_moved_and_hurts_no_other_cluster(simulator: Simulator) -> None:
    async def story() -> dict[str, list[str]]:
        async with watching(simulator, dev=2, prod=2) as moves:
            await asyncio.to_thread(simulator.stop, "dev")
            simulator["dev"].create("pods", pod("missed"))
            simulator["dev"].compact()
            await asyncio.to_thread(simulator.start, "dev")
            found = await signalled(moves)
            while found != {"dev": ["pods", "services"]}:
                found["dev"] = sorted({*found["dev"], *(await signalled(moves))["dev"]})
            return found

    assert within(story()) == {"dev": ["pods", "services"]}
    assert watches(simulator, "prod") == 2


def test_what_moves_while_nothing_is_watched_is_told_when_it_is_again(simulator: Simulator) -> None:
    async def story() -> dict[str, list[str]]:
        async with watching(simulator, dev=2, prod=2) as moves:
            await moves.close()
            simulator["dev"].create("pods", pod("meanwhile"))
            await moves.watch(contexts_of(simulator), RESOURCES)
            return await signalled(moves)

    assert within(story()) == {"dev": ["pods"]}


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_scope_that_cannot_be_watched_stops_no_other(status: int, simulator: Simulator) -> None:
    fault = simulator["dev"].inject(Fault(path="/pods$", status=status, times=None))

    async def story() -> dict[str, list[str]]:
        async with watching(simulator, dev=1, prod=2) as moves:
            await asyncio.to_thread(wait_until, lambda: fault.hits > 0, "the refusal")
            service = simulator["dev"].objects("services")[0]["metadata"]
            simulator["dev"].delete("services", service["name"], service["namespace"])
            return await signalled(moves)

    assert within(story()) == {"dev": ["services"]}


def test_a_watch_that_is_cut_off_goes_on_and_misses_nothing(simulator: Simulator) -> None:
    simulator["dev"].inject(Fault(path="/pods$", verb="watch", truncate=10))

    async def story() -> dict[str, list[str]]:
        async with watching(simulator, dev=2, prod=2) as moves:
            simulator["dev"].create("pods", pod("cut"))
            return await signalled(moves)

    assert within(story()) == {"dev": ["pods"]}


async def taken(moves: Moves, number: int, again: int = 0) -> list[Signal]:
    """So many signals, after the first ones of which something moves again."""
    found: list[Signal] = []
    async with aclosing(signals(moves, window=0.1, longest=0.2)) as coming:
        async for signal in coming:
            found.append(signal)
            if len(found) <= again:
                moves.note("dev", "services")
            if len(found) == number:
                break
    return found


def test_moves_within_a_window_are_one_signal() -> None:
    async def story() -> list[Signal]:
        moves = Moves()
        for scope in (("prod", "pods"), ("dev", "services"), ("dev", "pods"), ("dev", "pods")):
            moves.note(*scope)
        return await taken(moves, 1)

    assert within(story()) == [Signal({"dev": ["pods", "services"], "prod": ["pods"]})]


def test_the_last_of_several_signals_in_a_row_comes_once_more() -> None:
    async def story() -> list[Signal]:
        moves = Moves()
        moves.note("dev", "pods")
        return await taken(moves, 4, again=2)

    services = Signal({"dev": ["services"]})
    assert within(story()) == [Signal({"dev": ["pods"]}), services, services, services]


def test_a_problem_is_told_once() -> None:
    async def story() -> list[Signal]:
        moves = Moves()
        moves.trouble("no kubeconfig")
        await moves.wait(None)
        found = [moves.take()]
        moves.trouble("no kubeconfig")
        moves.note("dev", "pods")
        return [*found, moves.take()]

    assert within(story()) == [Signal({}, "no kubeconfig"), Signal({"dev": ["pods"]})]


@pytest.mark.parametrize("name", ["leases", "events", "clusters", "*", "!pods", "workloads", "cert-manager.io", "foos"])
def test_resources_that_must_not_start_runs_are_refused(name: str) -> None:
    with pytest.raises(UnknownResourceError, match="watched"):
        signalling.find([name])


def test_custom_resources_are_watched_in_the_version_that_is_named() -> None:
    (found,) = signalling.find(["certificates.v1.cert-manager.io"]).items()
    assert (found[0], found[1].path()) == ("certificates.cert-manager.io", "/apis/cert-manager.io/v1/certificates")
