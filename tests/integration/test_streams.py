"""Watches in one event loop: what a cluster says as it says it, and in which words a watch ends."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import (
    ExpiredError,
    ResponseError,
    ScopeError,
    UnauthorizedError,
    UnprovenError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.kube.events import Event
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import Authentication, Credentials
from airflow_provider_k8s_inventory.kube.streams import METADATA, Streams
from tests.kit.objects import pod, pods
from tests.kit.raw_server import RawServer, response

PATH = "/api/v1/pods"
PODS = resources.CATALOGUE["pods"].resource
SOON = 20
"""Seconds; only for tests that fail."""
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def context_of(simulator: Simulator) -> Context:
    return kubeconfig.parse(simulator.kubeconfig_document(), source="the simulator").contexts["dev"]


def within(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, SOON))


async def taken(
    context: Context, since: str, most: int, opened: Callable[[], object] = lambda: None, **options: Any
) -> list[Event]:
    """The first events of a watch of pods; all, when it ends before."""
    found: list[Event] = []
    silence = options.pop("silence", SOON)
    async with (
        Streams(context, silence=silence) as streams,
        aclosing(streams.events(PATH, since=since, **options)) as come,
    ):
        async for events in come:
            if not events:
                await asyncio.to_thread(opened)
            found += events
            if len(found) >= most:
                break
    return found


def line(event: str, version: object, **more: object) -> bytes:
    item = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web", "resourceVersion": version}, **more}
    return json.dumps({"type": event, "object": item}).encode() + b"\n"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def failing(server: RawServer, since: str = "5", **options: Any) -> ScopeError:
    with server, pytest.raises(ScopeError) as failed:
        within(taken(server.context, since, 99, **options))
    return failed.value


def test_changes_come_as_they_are_made(simulator: Simulator, dev: Cluster) -> None:
    dev.seed("pods", pods(2))

    def change() -> None:
        dev.create("pods", pod("new"))
        dev.patch("pods", "web-0000", {"metadata": {"labels": {"tier": "front"}}}, "default")
        dev.delete("pods", "web-0001", "default")

    events = within(taken(context_of(simulator), str(dev.resource_version), 4, change, expected=PODS))
    told = [(event.type, json.loads(bytes(event.object))["metadata"].get("name")) for event in events]

    assert told == [("ADDED", "new"), ("MODIFIED", "web-0000"), ("DELETED", "web-0001"), ("BOOKMARK", None)]
    assert events[-1].resource_version == str(dev.resource_version)


def test_metadata_alone_can_be_watched(simulator: Simulator, dev: Cluster) -> None:
    (event, *_) = within(
        taken(
            context_of(simulator), str(dev.resource_version), 1, lambda: dev.create("pods", pod("new")), accept=METADATA
        )
    )
    item = json.loads(bytes(event.object))

    assert (item["kind"], item["metadata"]["name"], "spec" in item) == ("PartialObjectMetadata", "new", False)


def test_what_the_server_has_forgotten_is_expired(simulator: Simulator, dev: Cluster) -> None:
    since = str(dev.resource_version)
    dev.seed("pods", pods(2))
    dev.compact()

    with pytest.raises(ExpiredError):
        within(taken(context_of(simulator), since, 1))


@pytest.mark.parametrize(
    ("sent", "error", "words"),
    [
        (line("ADDED", "4"), UnprovenError, "resourceVersion 4 after 5"),
        (b"no JSON\n", ResponseError, "not a watch"),
        (line("ADDED", "6", kind="Node"), ResponseError, "Node"),
        (b'{"type":"ERROR","object":{"code":410,"message":"too old"}}\n', ExpiredError, "too old"),
    ],
    ids=["older", "no JSON", "another kind", "gone"],
)
def test_what_proves_nothing_ends_the_watch(sent: bytes, error: type[ScopeError], words: str) -> None:
    failed = failing(RawServer(lambda _: iter([CHUNKED + chunk(sent), chunk(b"")])), expected=PODS)

    assert type(failed) is error
    assert words in str(failed)


def test_a_watch_that_is_cut_off_ends_without_half_an_event(simulator: Simulator, dev: Cluster) -> None:
    since = str(dev.resource_version)
    dev.create("pods", pod("new"))
    dev.inject(Fault(path="/pods$", verb="watch", truncate=100))

    assert within(taken(context_of(simulator), since, 99)) == []


def test_a_watch_that_falls_silent_ends() -> None:
    server = RawServer(lambda _: itertools.chain([CHUNKED + chunk(line("ADDED", "6"))], server.silence()))
    with server:
        events = within(taken(server.context, "5", 99, silence=0.2))

    assert [event.resource_version for event in events] == ["6"]


def test_refusals_read_as_those_of_a_client() -> None:
    said = json.dumps({"kind": "Status", "message": "not for you", "reason": "Unauthorized"}).encode()
    failed = failing(RawServer(lambda _: iter([response(said, status="401 Unauthorized")])))

    assert isinstance(failed, UnauthorizedError)
    assert "gave 401 (not for you)" in str(failed)


def test_a_server_that_is_not_there_is_unreachable(simulator: Simulator) -> None:
    context = context_of(simulator)
    simulator.stop("dev")

    with pytest.raises(UnreachableError, match="onnection refused"):
        within(taken(context, "1", 1))


def test_a_token_that_was_rejected_is_renewed_once(simulator: Simulator, dev: Cluster) -> None:
    context = context_of(simulator)
    good = context.credentials

    class Renewing(Credentials):
        renewed = 0

        def authentication(self) -> Authentication:
            return good.authentication() if self.renewed else Authentication(authorization="Bearer old")

        def renew(self) -> bool:
            self.renewed += 1
            return True

    object.__setattr__(context, "credentials", renewing := Renewing())
    within(taken(context, str(dev.resource_version), 1, lambda: dev.create("pods", pod("new"))))

    assert renewing.renewed == 1


def test_a_watch_goes_on_after_another_one_failed(simulator: Simulator, dev: Cluster) -> None:
    dev.inject(Fault(path="/pods$", verb="watch", status=503))
    context = context_of(simulator)
    with pytest.raises(UnreachableError, match="503"):
        within(taken(context, str(dev.resource_version), 1))
    events = within(taken(context, str(dev.resource_version), 1, lambda: dev.create("pods", pod("new"))))

    assert events[0].type == "ADDED"
