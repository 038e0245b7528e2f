"""Two syncs of one scope at once: the second is told, and disturbs nothing. Other scopes do not wait."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.exceptions import LockedError
from airflow_provider_k8s_inventory.model import Scope, Selection
from airflow_provider_k8s_inventory.postgres import locking, sessions
from tests.kit.inventory import Inventory
from tests.kit.objects import pod, pods
from tests.kit.syncer import Syncer
from tests.kit.waiting import wait_until

SCOPE = Scope(context_name="dev", resource="pods")


@contextmanager
def held(dsn: str, scope: Scope = SCOPE, schema: str = "public") -> Iterator[int]:
    """Another sync of the scope is running; the number of its session."""
    with psycopg.connect(dsn) as other, sessions.transaction(other) as cursor:
        locking.lock_scope(cursor, schema, scope)
        yield other.info.backend_pid


def test_the_second_sync_of_a_scope_fails_and_says_what_to_do(
    dev: Cluster, sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    with held(migrated_database) as pid:
        report = sync()

    assert report.status == "busy"
    assert re.fullmatch(
        rf"another sync of dev · pods is running in PostgreSQL session {pid} of k8s-inventory \(user postgres\) at "
        r"127\.0\.0\.1, since [-0-9]+ [:0-9]+ UTC; nothing was changed: wait for it to end, then run this one again "
        rf"\(if its worker is gone, end it: SELECT pg_terminate_backend\({pid}\)\)",
        report.reason or "",
    )
    assert inventory.count("k8s_pods") == 0
    assert inventory.last()["reason"] == report.reason


def test_a_session_of_another_user_is_named_as_far_as_it_may_be_seen(
    sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    inventory.query("CREATE ROLE other_writer")
    try:
        inventory.query("GRANT SELECT, INSERT, UPDATE ON k8s_syncs, k8s_scopes TO other_writer")
        with held(migrated_database) as pid, psycopg.connect(migrated_database) as conn:
            conn.execute("SET ROLE other_writer")
            conn.commit()
            report = sync(conn=conn)
    finally:
        inventory.query("DROP OWNED BY other_writer")
        inventory.query("DROP ROLE other_writer")

    assert f"is running in PostgreSQL session {pid} of k8s-inventory (user postgres) " in (report.reason or "")


def test_it_does_not_list_what_it_may_not_write(dev: Cluster, sync: Syncer, migrated_database: str) -> None:
    with held(migrated_database):
        sync()

    assert "list" not in {request.verb for request in dev.requests}


def test_when_the_first_has_ended_the_next_one_goes(dev: Cluster, sync: Syncer, migrated_database: str) -> None:
    dev.seed("pods", pods(3))
    with held(migrated_database):
        sync()

    assert sync().inserted == 3


@pytest.mark.parametrize(
    "other",
    [Scope(context_name="prod", resource="pods"), Scope(context_name="dev", resource="nodes")],
    ids=str,
)
def test_other_scopes_do_not_wait(other: Scope, sync: Syncer, migrated_database: str) -> None:
    with held(migrated_database, other):
        assert sync().status == "success"


def test_other_schemas_do_not_wait(sync: Syncer, migrated_database: str) -> None:
    with held(migrated_database, schema="elsewhere"):
        assert sync().status == "success"


def test_a_narrowed_scope_excludes_those_that_share_a_namespace(sync: Syncer, migrated_database: str) -> None:
    with held(
        migrated_database, Scope(context_name="dev", resource="pods", selection=Selection(namespaces=("a", "c")))
    ):
        assert sync().status == "busy"
        assert sync(namespaces=("b", "c")).status == "busy"
        assert sync(namespaces=("b",)).status == "success"


def test_a_whole_scope_excludes_every_narrowed_one(sync: Syncer, migrated_database: str) -> None:
    with held(migrated_database, Scope(context_name="dev", resource="pods")):
        assert sync(namespaces=("a",)).status == "busy"


def test_the_lock_ends_with_the_transaction_also_when_it_fails(migrated_database: str) -> None:
    with (
        psycopg.connect(migrated_database) as first,
        psycopg.connect(migrated_database) as second,
        first.cursor() as holder,
        second.cursor() as waiter,
    ):
        locking.lock_scope(holder, "public", SCOPE)
        with pytest.raises(LockedError, match="dev · pods"):
            locking.lock_scope(waiter, "public", SCOPE)
        first.rollback()
        second.rollback()
        locking.lock_scope(waiter, "public", SCOPE)


def test_two_syncs_after_each_other_on_one_connection_do_not_meet(
    dev: Cluster, sync: Syncer, migrated_database: str
) -> None:
    with psycopg.connect(migrated_database) as conn:
        assert [sync(conn=conn).status, sync(conn=conn).status] == ["success", "success"]
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_scope_of_many_namespaces_takes_few_locks(sync: Syncer, migrated_database: str, inventory: Inventory) -> None:
    many = Selection(namespaces=tuple(f"team-{number}" for number in range(500)))
    with held(migrated_database, Scope(context_name="dev", resource="pods", selection=many)) as pid:
        query = "SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = %s"
        assert inventory.query(query, pid)[0]["locks"] <= 50
        assert sync(namespaces=("team-7",)).status == "busy"


def test_of_two_first_syncs_with_other_selectors_the_last_one_to_end_owns_the_rows(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [pod(f"{app}-in-{team}", team, labels={"app": app}) for app in ("web", "db") for team in "ab"])
    fault = dev.inject(Fault(path="/namespaces/a/pods$", verb="list", latency=3))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(sync, labels=("app=web",), namespaces=("a",))
        wait_until(lambda: fault.hits == 1, "the first sync lists")
        assert sync(labels=("app=db",), namespaces=("b",)).inserted == 1
        assert not slow.done()
        report = slow.result()

    assert (report.status, report.inserted, report.unselected, report.deleted) == ("success", 1, 1, 0)
    assert "synced with another selection before (b -l app=db), which this one replaces: 1 rows went" in str(
        report.warnings
    )
    assert inventory.names("k8s_pods") == ["web-in-a"]
    assert [row["selection"] for row in inventory.query("SELECT selection FROM k8s_scopes")] == ["a -l app=web"]
