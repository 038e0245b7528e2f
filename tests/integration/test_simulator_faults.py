"""A simulated server fails where, how and how often it is told to, and keeps a record of what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, User

from tests.kit.objects import pod
from tests.kit.served import Served, names, serve

PODS = "/api/v1/pods"
SERVICES = "/api/v1/services"


@pytest.fixture
def api() -> Iterator[Served]:
    cluster = Cluster("dev")
    cluster.seed("pods", [pod(f"pod-{number}") for number in range(6)])
    with serve(cluster) as served:
        yield served


def codes(api: Served, path: str, count: int, **query: Any) -> list[int]:
    """The statuses of so many requests."""
    return [api.send("GET", path, **query).status for _ in range(count)]


def test_a_fault_happens_so_many_times(api: Served) -> None:
    fault = api.cluster.inject(Fault(status=500, times=2))
    assert codes(api, PODS, 4) == [500, 500, 200, 200]
    assert fault.hits == 2


def test_a_fault_lets_some_through_first(api: Served) -> None:
    api.cluster.inject(Fault(status=503, skip=1))
    assert codes(api, PODS, 3) == [200, 503, 200]


def test_a_fault_can_last_until_it_is_cleared(api: Served) -> None:
    api.cluster.inject(Fault(status=500, times=None))
    assert codes(api, PODS, 3) == [500, 500, 500]
    api.cluster.faults.clear()
    assert codes(api, PODS, 1) == [200]


def test_faults_follow_one_another(api: Served) -> None:
    api.cluster.inject(Fault(status=429))
    api.cluster.inject(Fault(status=500))
    assert codes(api, PODS, 3) == [429, 500, 200]


def test_a_fault_is_for_a_path(api: Served) -> None:
    api.cluster.inject(Fault(path="/pods$", status=500))
    assert codes(api, SERVICES, 1) + codes(api, PODS, 1) == [200, 500]


def test_a_fault_is_for_a_verb(api: Served) -> None:
    api.cluster.inject(Fault(verb="get", status=500))
    assert codes(api, PODS, 1) + codes(api, "/api/v1/namespaces/default/pods/pod-1", 1) == [200, 500]


def test_a_fault_is_for_a_page(api: Served) -> None:
    api.cluster.inject(Fault(query={"continue": "."}, status=410))
    first, second = api.pages(PODS, limit=3)
    assert names(first) == ["pod-0", "pod-1", "pod-2"]
    assert (second["code"], second["reason"]) == (410, "Expired")


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "Unauthorized"), (429, "TooManyRequests"), (500, "InternalError"), (502, "BadGateway")]
)
def test_a_fault_answers_with_a_status_object(api: Served, status: int, reason: str) -> None:
    api.cluster.inject(Fault(status=status))
    answer = api.get(PODS)
    assert (answer["kind"], answer["code"], answer["reason"]) == ("Status", status, reason)


def test_a_fault_says_when_to_come_again(api: Served) -> None:
    api.cluster.inject(Fault(status=429, retry_after=7))
    assert api.send("GET", PODS).headers["Retry-After"] == "7"


def test_a_fault_may_answer_anything(api: Served) -> None:
    api.cluster.inject(Fault(body=b"<html>"))
    answer = api.send("GET", PODS)
    assert (answer.status, answer.data) == (200, b"<html>")


def test_an_answer_is_cut_off(api: Served) -> None:
    api.cluster.inject(Fault(truncate=100))
    with pytest.raises(urllib3.exceptions.ProtocolError, match="IncompleteRead"):
        api.send("GET", PODS)
    assert codes(api, PODS, 1) == [200]


def test_a_watch_is_cut_off(api: Served) -> None:
    api.cluster.inject(Fault(truncate=100))
    events = api.watch(PODS)
    with pytest.raises((urllib3.exceptions.ProtocolError, urllib3.exceptions.SSLError)):
        list(events)


def test_a_connection_is_reset(api: Served) -> None:
    api.cluster.inject(Fault(reset=True))
    with pytest.raises(urllib3.exceptions.ProtocolError, match="Connection aborted"):
        api.send("GET", PODS)
    assert codes(api, PODS, 1) == [200]


def test_an_answer_comes_late(api: Served) -> None:
    api.cluster.inject(Fault(latency=60))
    pool = api.pool()
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        pool.request("GET", f"{api.simulator.url('dev')}{PODS}", timeout=0.2)
    assert codes(api, PODS, 1) == [200]


def test_a_fault_that_only_delays_answers_as_ever(api: Served) -> None:
    fault = api.cluster.inject(Fault(latency=0.01))
    assert len(api.get(PODS)["items"]) == 6
    assert fault.hits == 1


def test_a_stopped_server_refuses_connections_and_comes_back(api: Served) -> None:
    url = api.simulator.url("dev")
    api.cluster.create("pods", pod("kept"))
    api.simulator.stop("dev")
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        api.send("GET", PODS)
    api.simulator.start("dev")
    assert api.simulator.url("dev") == url
    assert "kept" in names(api.get(PODS))


def test_stopping_ends_a_watch(api: Served) -> None:
    events = api.watch(PODS)
    assert next(events)["type"] == "ADDED"
    api.simulator.stop("dev")
    with pytest.raises((urllib3.exceptions.ProtocolError, urllib3.exceptions.SSLError)):
        list(events)


def test_starting_and_stopping_twice_is_harmless(api: Served) -> None:
    api.simulator.start("dev")
    api.simulator.stop("dev")
    api.simulator.stop("dev")
    api.simulator.start("dev")
    assert codes(api, PODS, 1) == [200]


def test_requests_are_on_record() -> None:
    cluster = Cluster("dev", users=[User(name="jane", denied=(Rule(resources=("secrets",)),))])
    with serve(cluster) as api:
        api.send("GET", PODS, limit=3, user="jane", headers={"Accept": "application/json", "User-Agent": "test"})
        api.send("GET", "/api/v1/secrets", user="jane")
    listed, denied = cluster.requests
    assert (listed.method, listed.path, listed.verb, listed.query) == ("GET", PODS, "list", {"limit": "3"})
    assert (listed.user, listed.code, denied.code) == ("jane", 200, 403)
    assert listed.headers["user-agent"] == "test"


def test_no_credential_is_on_record(api: Served) -> None:
    api.send("GET", PODS)
    record = json.dumps([vars(request) for request in api.cluster.requests], default=str)
    assert api.simulator.token("dev") not in record
