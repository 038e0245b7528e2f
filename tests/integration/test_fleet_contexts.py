"""Many scopes of one context in one go: side by side within a bound, each with its own transaction and report."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Origin, SyncReport
from airflow_provider_k8s_inventory.postgres import connecting
from airflow_provider_k8s_inventory.sync import Settings
from airflow_provider_k8s_inventory.sync.fleet import run_context
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, named, node, pods, widget_definition
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.alters_database

NAMES = ("namespaces", "nodes", "pods", "deployments", "services")

Statuses = dict[str, str]
Run = Callable[..., dict[str, SyncReport]]


@pytest.fixture
def connect(migrated_database: str) -> Callable[[], psycopg.Connection]:
    return partial(connecting.connect, migrated_database)


@pytest.fixture
def run(sync: Syncer, connect: Callable[[], psycopg.Connection]) -> Run:
    """Sync resources of the context dev; the reports by resource."""

    def run(*names: str, client: Client | None = None, **settings: Any) -> dict[str, SyncReport]:
        with client or sync.client() as opened:
            reports = list(run_context(opened, names or NAMES, connect, Settings(**settings)))
        assert len({report.resource for report in reports}) == len(reports)
        return {report.resource: report for report in reports}

    return run


def statuses(reports: Mapping[str, SyncReport]) -> Statuses:
    return {name: report.status for name, report in reports.items()}


class Gauge(Fault):
    """No fault: sees at every request how many are being answered."""

    def __init__(self, cluster: Cluster, **values: Any) -> None:
        super().__init__(**values)
        self._cluster = cluster
        self.most = 0

    def matches(self, path: str, verb: str, query: Mapping[str, str]) -> bool:
        self.most = max(self.most, sum(request.code is None for request in self._cluster.requests))
        return super().matches(path, verb, query)


class Meeting(Client):
    """A client whose lists are all sent at the same moment, or never."""

    def __init__(self, like: Client, parties: int) -> None:
        super().__init__(like.context, max_parallel_requests=parties)
        self._meeting = threading.Barrier(parties, timeout=30)

    def get(self, path: str, *arguments: Any, **options: Any) -> bytes:
        if path.endswith(NAMES[1:]):
            self._meeting.wait()
        return super().get(path, *arguments, **options)


def test_every_scope_has_its_report_and_its_row_in_the_ledger(dev: Cluster, run: Run, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    reports = run()

    assert statuses(reports) == dict.fromkeys(NAMES, "success")
    assert (reports["pods"].inserted, inventory.count("k8s_pods")) == (3, 3)
    assert sorted(row["resource"] for row in inventory.ledger()) == sorted(NAMES)


def test_every_scope_is_a_transaction_of_its_own(run: Run, inventory: Inventory) -> None:
    run()
    ids = inventory.query("SELECT count(DISTINCT xmin::text) FROM k8s_syncs")

    assert ids == [{"count": len(NAMES)}]


def test_scopes_are_read_side_by_side(run: Run, sync: Syncer) -> None:
    assert statuses(run(client=Meeting(sync.client(), 4))) == dict.fromkeys(NAMES, "success")


@pytest.mark.parametrize("bound", [1, 2])
def test_a_cluster_is_never_asked_more_at_a_time(bound: int, dev: Cluster, run: Run, sync: Syncer) -> None:
    dev.seed("pods", pods(60))
    gauge = Gauge(dev, latency=0.01, times=None)
    dev.inject(gauge)
    for mode in ("full", "metadata", "delta"):
        for number in range(8):
            dev.patch("pods", f"web-{number:04}", {"metadata": {"labels": {"mode": mode}}}, "default")
        client = Client(sync.client().context, max_parallel_requests=bound)
        reports = run(client=client, mode=mode, max_parallel_requests=bound)
        assert {report.mode for report in reports.values()} == {mode}

    assert 1 <= gauge.most <= bound


@pytest.mark.parametrize("mode", ["metadata", "delta"])
def test_every_scope_is_read_in_the_mode_that_was_asked_for(mode: str, dev: Cluster, run: Run) -> None:
    dev.seed("pods", pods(3))
    run()
    dev.delete("pods", "web-0001", "default")
    dev.create("nodes", node("worker"))
    reports = run(mode=mode)

    assert {(report.status, report.mode) for report in reports.values()} == {("success", mode)}
    assert (reports["pods"].deleted, reports["nodes"].inserted) == (1, 1)


def test_one_that_fails_in_the_cluster_is_no_matter_for_the_others(dev: Cluster, run: Run) -> None:
    dev.inject(Fault(path="/pods$", status=503, times=None))

    assert statuses(run()) == dict.fromkeys(NAMES, "success") | {"pods": "unreachable"}


def test_one_that_fails_in_the_database_is_no_matter_for_the_others(run: Run, inventory: Inventory) -> None:
    inventory.query("DROP TABLE k8s_pods CASCADE")

    assert statuses(run()) == dict.fromkeys(NAMES, "success") | {"pods": "failed"}
    assert len(inventory.ledger()) == len(NAMES)


@pytest.mark.parametrize("lost", ["namespaces", "services"])
def test_a_lost_connection_costs_one_scope(lost: str, dev: Cluster, run: Run, inventory: Inventory) -> None:
    dev.seed("services", [named("web", "default")])
    inventory.query(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
    )
    inventory.query(f"CREATE TRIGGER die BEFORE INSERT ON k8s_{lost} EXECUTE FUNCTION die()")
    reports = run(max_parallel_requests=1)

    assert statuses(reports) == dict.fromkeys(NAMES, "success") | {lost: "failed"}
    assert reports[lost].reason in {row["reason"] for row in inventory.ledger()}
    assert len(inventory.ledger()) == len(NAMES)


def test_a_database_that_cannot_be_reached_fails_every_scope(sync: Syncer, inventory: Inventory) -> None:
    def connect() -> psycopg.Connection:
        raise DatabaseError("PostgreSQL at nowhere: it is not there")

    with sync.client() as client:
        reports = list(run_context(client, [*NAMES, "*.example.com"], connect, Settings()))

    assert {report.resource for report in reports} == {*NAMES, "*.example.com"}
    assert {report.reason for report in reports} == {"PostgreSQL at nowhere: it is not there"}


@pytest.mark.parametrize("trouble", ["unauthorized", "unreachable"])
def test_a_cluster_without_hope_is_asked_once(
    trouble: str, dev: Cluster, run: Run, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", widget_definition())
    dev.create(WIDGETS, named("one", "default"), "default")
    run(*NAMES, "*.example.com")
    dev.requests.clear()
    dev.inject(Fault(times=None, **({"status": 401} if trouble == "unauthorized" else {"reset": True})))
    reports = run(*NAMES, "*.example.com", client=Client(sync.client().context, retries=0))

    assert len(dev.requests) == 1
    # What the glob meant when it was last known is recorded too.
    assert statuses(reports) == dict.fromkeys([*NAMES, WIDGETS], trouble)
    assert len({report.reason for report in reports.values()}) == 1
    assert sum(row["status"] == trouble for row in inventory.ledger()) == len(reports)


def test_a_scope_that_alone_is_unreachable_does_not_end_hope(dev: Cluster, run: Run) -> None:
    dev.inject(Fault(path="/namespaces$", status=503, times=None))

    assert statuses(run()) == dict.fromkeys(NAMES, "success") | {"namespaces": "unreachable"}


def test_the_connections_are_closed_in_the_end(run: Run, inventory: Inventory) -> None:
    run()

    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'k8s-inventory' AND state = 'active'"
    assert inventory.query(query) == [{"count": 0}]


def test_no_more_connections_are_opened_than_scopes_are_read_at_a_time(
    sync: Syncer, connect: Callable[[], psycopg.Connection]
) -> None:
    opened: list[psycopg.Connection] = []
    at_a_time: list[int] = []

    def counted() -> psycopg.Connection:
        conn = connect()
        opened.append(conn)
        at_a_time.append(sum(not each.closed for each in list(opened)))
        return conn

    with sync.client() as client:
        list(run_context(client, NAMES, counted, Settings(max_parallel_requests=2)))

    assert 1 <= max(at_a_time) <= 2
    assert all(conn.closed for conn in opened)


def test_the_origin_is_in_every_row_of_the_ledger(
    sync: Syncer, connect: Callable[[], psycopg.Connection], inventory: Inventory
) -> None:
    origin = Origin(dag_id="inventory", run_id="r", task_id="sync", map_index=3, try_number=2)
    with sync.client() as client:
        list(run_context(client, NAMES, connect, Settings(), origin))

    assert {(row["dag_id"], row["map_index"]) for row in inventory.ledger()} == {("inventory", 3)}
