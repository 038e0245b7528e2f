"""Many contexts at a time: one that fails delays no other, and every scope gets its report."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator, User

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.kubeconfig import Context
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.sync import Settings
from airflow_provider_k8s_inventory.sync.fleet import run_fleet
from tests.kit.inventory import Inventory
from tests.kit.objects import crd, named, pods, widget_definition
from tests.kit.settings import settings as settings_of
from tests.kit.waiting import wait_until

NAMES = ("namespaces", "pods", "nodes")


class Fleet:
    """The simulated contexts, and a way to spoil some of them."""

    def __init__(self, simulator: Simulator) -> None:
        simulator["dev"].add_user(User(name="second"))
        self.document: dict[str, Any] = simulator.kubeconfig_document()

    def spoil_token(self, context: str) -> None:
        self._entry("users", context)["token"] = "expired"

    def spoil_authority(self, context: str, other: str) -> None:
        """Let the context trust another cluster's authority: its server cannot be believed, and is not asked twice."""
        self._entry("clusters", context)["certificate-authority"] = self._entry("clusters", other)[
            "certificate-authority"
        ]

    def contexts(self) -> tuple[Context, ...]:
        return kubeconfig.select(kubeconfig.parse(self.document, source="the simulator"))

    def _entry(self, kind: str, context: str) -> dict[str, Any]:
        (chosen,) = [entry["context"] for entry in self.document["contexts"] if entry["name"] == context]
        name = chosen[kind.removesuffix("s")]
        (entry,) = [entry[kind.removesuffix("s")] for entry in self.document[kind] if entry["name"] == name]
        found: dict[str, Any] = entry
        return found


@pytest.fixture
def fleet(simulator: Simulator) -> Fleet:
    """Three contexts: two of the cluster dev, and prod."""
    return Fleet(simulator)


ONE = Settings(max_parallel_requests=1)
"""One request at a time: the reports come in the order of the names."""


@pytest.fixture
def connect(migrated_database: str) -> Callable[[], psycopg.Connection]:
    return partial(psycopg.connect, migrated_database)


def statuses(reports: Iterator[SyncReport]) -> dict[str, list[str]]:
    """The statuses of each context, in the order of its reports."""
    found: dict[str, list[str]] = {}
    for report in reports:
        found.setdefault(report.context_name, []).append(report.status)
    return found


def test_every_resource_of_every_context_is_synced_in_order(
    fleet: Fleet, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    reports = list(run_fleet(fleet.contexts(), NAMES, connect, ONE))

    assert {report.status for report in reports} == {"success"}
    for context in ("dev", "dev-second", "prod"):
        assert [report.resource for report in reports if report.context_name == context] == list(NAMES)
    assert len(inventory.ledger()) == 9


def test_one_bad_context_stops_no_other(
    fleet: Fleet, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    fleet.spoil_authority("prod", "dev")
    found = statuses(run_fleet(fleet.contexts(), NAMES, connect, ONE, parallel=1))

    assert found == {"dev": ["success"] * 3, "dev-second": ["success"] * 3, "prod": ["unreachable"] * 3}


def test_a_context_that_cannot_be_used_is_asked_once_and_reported_for_every_resource(
    fleet: Fleet, prod: Cluster, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    fleet.spoil_token("prod")
    reports = [r for r in run_fleet(fleet.contexts(), NAMES, connect, ONE) if r.context_name == "prod"]

    assert [report.status for report in reports] == ["unauthorized"] * 3
    assert [request.code for request in prod.requests] == [401]
    assert len({report.reason for report in reports}) == 1
    rows = [row for row in inventory.ledger() if row["context_name"] == "prod"]
    assert [row["resource"] for row in rows] == list(NAMES)
    assert {(row["status"], row["reason"]) for row in rows} == {("unauthorized", reports[0].reason)}


def test_what_is_repeated_claims_no_work(
    fleet: Fleet, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    fleet.spoil_token("prod")
    settings = settings_of(namespaces=("a",), max_parallel_requests=1)
    _, *repeated = [r for r in run_fleet(fleet.contexts(), NAMES, connect, settings) if r.context_name == "prod"]

    assert [(report.pages, report.bytes, report.seen, report.warnings) for report in repeated] == [(0, 0, 0, ())] * 2
    assert [report.selection.namespaces for report in repeated] == [("a",), ()]


def test_a_resource_whose_own_server_is_down_stops_no_other_resource(
    fleet: Fleet, dev: Cluster, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    dev.create("crd", widget_definition())
    # A server that gives 503 would do the same after many tries.
    dev.inject(Fault(path="/widgets$", status=401, times=None))
    context = fleet.contexts()[:1]
    names = ("pods", "widgets.example.com", "nodes")

    assert statuses(run_fleet(context, names, connect, ONE)) == {"dev": ["success", "unauthorized", "success"]}


def test_a_cluster_that_may_not_be_identified_stops_no_other_resource(
    fleet: Fleet, dev: Cluster, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    dev.inject(Fault(path="/kube-system$", status=403, times=None))
    dev.inject(Fault(path="/pods$", status=401, times=None))

    assert statuses(run_fleet(fleet.contexts()[:1], NAMES, connect, ONE)) == {
        "dev": ["success", "unauthorized", "success"]
    }


def test_the_scopes_of_a_context_ask_once_who_the_cluster_is_and_what_it_serves(
    fleet: Fleet, dev: Cluster, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    for plural in ("gadgets", "widgets"):
        dev.create("crd", crd(plural, "example.com", plural.title()))
    names = ("pods", "nodes", "gadgets.example.com", "widgets.example.com")
    reports = list(run_fleet(fleet.contexts()[:1], names, connect, Settings()))

    (uid,) = {report.cluster_uid for report in reports}
    assert uid
    asked = Counter(request.path for request in dev.requests)
    assert [asked[path] for path in ("/api/v1/namespaces/kube-system", "/api", "/apis")] == [1, 1, 1]


def test_the_scopes_of_a_context_ask_once_for_a_namespace_that_is_empty(
    fleet: Fleet, dev: Cluster, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    settings = settings_of(namespaces=("nowhere",))
    reports = list(run_fleet(fleet.contexts()[:1], ("pods", "services", "deployments"), connect, settings))

    assert {report.warnings for report in reports} == {("context dev has no namespace nowhere",)}
    assert Counter(request.path for request in dev.requests)["/api/v1/namespaces/nowhere"] == 1


def test_credentials_that_expire_on_the_way_are_not_tried_for_every_resource(
    fleet: Fleet, dev: Cluster, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    dev.inject(Fault(status=401, skip=2, times=None))
    names = (*NAMES, "services", "deployments")

    assert statuses(run_fleet(fleet.contexts()[:1], names, connect, ONE)) == {"dev": ["success", *["unauthorized"] * 4]}
    assert [request.code for request in dev.requests] == [200, 200, 401, 401]
    assert len(inventory.ledger()) == 5


def test_a_database_that_cannot_be_reached_fails_every_scope(fleet: Fleet) -> None:
    def refuse() -> psycopg.Connection:
        raise DatabaseError("PostgreSQL at nowhere: refused")

    reports = list(run_fleet(fleet.contexts(), NAMES, refuse, settings_of(namespaces=("a",), max_parallel_requests=1)))

    assert len(reports) == 9
    assert {(report.status, report.reason) for report in reports} == {("failed", "PostgreSQL at nowhere: refused")}
    assert {report.selection.namespaces for report in reports if report.resource == "nodes"} == {()}


def test_a_connection_that_broke_is_opened_again(fleet: Fleet, migrated_database: str, inventory: Inventory) -> None:
    opened: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        opened.append(psycopg.connect(migrated_database))
        if len(opened) == 1:
            opened[0].close()
        return opened[-1]

    found = statuses(run_fleet(fleet.contexts()[:1], NAMES, connect, ONE))

    assert found == {"dev": ["failed", "success", "success"]}
    # The line of the first one is late: it had no connection.
    assert sorted(row["status"] for row in inventory.ledger()) == ["failed", "success", "success"]
    assert all(conn.closed for conn in opened)


def test_contexts_hold_one_connection_each_and_give_it_back(
    fleet: Fleet, migrated_database: str, inventory: Inventory
) -> None:
    opened: list[psycopg.Connection] = []
    at_a_time: list[int] = []

    def connect() -> psycopg.Connection:
        conn = psycopg.connect(migrated_database)
        opened.append(conn)
        at_a_time.append(sum(not each.closed for each in list(opened)))
        return conn

    list(run_fleet(fleet.contexts(), NAMES, connect, ONE))

    assert max(at_a_time) <= 3
    assert all(conn.closed for conn in opened)


def test_two_contexts_are_synced_at_a_time(fleet: Fleet, migrated_database: str, inventory: Inventory) -> None:
    meeting = threading.Barrier(2, timeout=10)

    def connect() -> psycopg.Connection:
        meeting.wait()
        return psycopg.connect(migrated_database)

    contexts = fleet.contexts()
    found = statuses(run_fleet((contexts[0], contexts[2]), NAMES, connect, ONE, parallel=2))

    assert found == {"dev": ["success"] * 3, "prod": ["success"] * 3}


def test_a_caller_that_stops_begins_nothing_new(fleet: Fleet, migrated_database: str, inventory: Inventory) -> None:
    opened, stopped = [], threading.Event()

    def connect() -> psycopg.Connection:
        opened.append(1)
        assert len(opened) == 1 or stopped.wait(10)
        return psycopg.connect(migrated_database)

    reports = run_fleet(fleet.contexts(), ("pods",), connect, ONE, parallel=1)
    next(reports)
    wait_until(lambda: len(opened) == 2, "the second context to begin")
    closing = threading.Thread(target=reports.close)  # type: ignore[attr-defined]  # a generator
    closing.start()
    wait_until(lambda: reports.gi_running or not closing.is_alive(), "the end to begin")  # type: ignore[attr-defined]
    stopped.set()
    closing.join()

    # The second context may have been under way, the third not.
    assert len(opened) < 3
    # What was under way was ended, or was complete.
    assert 1 <= len(inventory.ledger()) <= len(opened)


def test_a_defect_in_one_context_is_raised_when_the_others_are_done(
    fleet: Fleet, migrated_database: str, inventory: Inventory
) -> None:
    first = threading.Lock()

    def connect() -> psycopg.Connection:
        if first.acquire(blocking=False):
            raise ZeroDivisionError
        return psycopg.connect(migrated_database)

    reports = run_fleet(fleet.contexts(), ("pods",), connect, ONE, parallel=1)
    seen = [next(reports).context_name, next(reports).context_name]

    with pytest.raises(ZeroDivisionError):
        next(reports)
    assert seen == ["dev-second", "prod"]


def test_many_pods_of_several_contexts_come_through(
    fleet: Fleet, dev: Cluster, prod: Cluster, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    for cluster in (dev, prod):
        cluster.seed("pods", pods(1200))
        cluster.seed("services", [named(f"svc-{number}", "default") for number in range(50)])
    reports = list(run_fleet(fleet.contexts(), ("pods", "services"), connect, Settings(page_size=200)))

    assert sum(report.inserted for report in reports) == 3 * 1250
    assert inventory.count("k8s_pods") == 3600
