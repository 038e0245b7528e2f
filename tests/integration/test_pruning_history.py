"""Old changes go by the month or one by one, marked rows too, and no sync is worse for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory.exceptions import DatabaseError, LockedError
from airflow_provider_k8s_inventory.model import Scope
from airflow_provider_k8s_inventory.postgres import locking, retention, sessions
from airflow_provider_k8s_inventory.postgres.migrations import partitions
from airflow_provider_k8s_inventory.postgres.retention import Pruned
from airflow_provider_k8s_inventory.resources.histories import Histories
from tests.kit.inventory import Inventory
from tests.kit.objects import pod, pods
from tests.kit.syncer import Syncer
from tests.kit.waiting import wait_until

pytestmark = [pytest.mark.postgres15, pytest.mark.alters_database]

NOW = datetime(2026, 11, 27, 5, 40, tzinfo=UTC)
Write = Callable[..., None]
Prune = Callable[..., Pruned]


@pytest.fixture
def found(migrated_database: str) -> Iterator[Inventory]:
    """History with months from July to February."""
    with Inventory(migrated_database) as opened, psycopg.connect(migrated_database) as conn:
        with sessions.transaction(conn) as cursor:
            for part in partitions.read(cursor, "public"):
                partitions.drop(cursor, "public", part.name)
            partitions.create(cursor, "public", "k8s_history_later", None, None)
        partitions.make_ahead(conn, "public", now=datetime(2026, 7, 1, tzinfo=UTC))
        partitions.make_ahead(conn, "public", now=NOW)
        yield opened


@pytest.fixture
def write(found: Inventory) -> Write:
    """Write changes of so many days ago."""

    def _write(days: int, resource: str = "pods", count: int = 1, context: str = "dev") -> None:
        found.query(
            "INSERT INTO k8s_history (context_name, resource, uid, name, change, at, sync_id)"
            f" SELECT %s, %s, 'u', %s, 'updated', %s, 1 FROM generate_series(1, {count})",
            context,
            resource,
            f"{resource} {days}",
            NOW - timedelta(days=days),
        )

    return _write


@pytest.fixture
def prune(found: Inventory) -> Prune:
    def _prune(days: int = 30, history: Any = None, role: str | None = None) -> Pruned:
        with psycopg.connect(found.dsn) as conn:
            if role:
                conn.execute(f"SET ROLE {role}".encode())
                conn.commit()
            return retention.prune(conn, schema="public", days=days, histories=Histories.read(history), now=NOW)

    return _prune


def left(found: Inventory) -> list[str]:
    return [row["name"] for row in found.query("SELECT DISTINCT name, at FROM k8s_history ORDER BY at, name")]


def horizon(found: Inventory) -> dict[str, str]:
    return {row["resource"]: f"{row['since']:%Y-%m-%d}" for row in found.query("SELECT * FROM k8s_history_kept")}


def test_months_that_are_over_for_long_enough_are_dropped(found: Inventory, write: Write, prune: Prune) -> None:
    for days in (140, 60, 40, 28, 1):
        write(days)
    pruned = prune(30)

    # Since October has days of the last thirty, it stays.
    assert pruned.dropped == ("k8s_history_2026_07", "k8s_history_2026_08", "k8s_history_2026_09")
    assert (pruned.changes, pruned.remarks) == (0, ())
    assert left(found) == ["pods 40", "pods 28", "pods 1"]
    assert horizon(found) == {"": "2026-10-01"}
    assert prune(30) == Pruned()


def test_times_before_what_was_dropped_still_have_a_place(found: Inventory, write: Write, prune: Prune) -> None:
    write(140)
    prune(30)
    write(140)
    write(1000)

    assert left(found) == ["pods 1000", "pods 140"]
    assert prune(30).dropped == ("k8s_history_older",)
    assert left(found) == []


def test_rows_whose_months_were_not_made_in_time_go_one_by_one(found: Inventory, write: Write, prune: Prune) -> None:
    with psycopg.connect(found.dsn) as conn, sessions.transaction(conn) as cursor:
        for part in partitions.read(cursor, "public"):
            partitions.drop(cursor, "public", part.name)
        partitions.create(cursor, "public", "k8s_history_later", None, None)
    for days in (140, 60, 40, 1):
        write(days)
    pruned = prune(30)

    assert (pruned.made[0], pruned.dropped, pruned.changes) == ("k8s_history_2026_12", (), 2)
    assert left(found) == ["pods 40", "pods 1"]
    assert horizon(found) == {"pods": "2026-10-01"}


def test_empty_months_are_dropped_and_nothing_is_said_to_be_gone(found: Inventory, prune: Prune) -> None:
    assert prune(30).dropped == ("k8s_history_2026_07", "k8s_history_2026_08", "k8s_history_2026_09")
    assert horizon(found) == {}


def test_nothing_goes_that_is_kept_for_ever(found: Inventory, write: Write, prune: Prune) -> None:
    write(1000)

    assert prune(0) == Pruned()
    assert left(found) == ["pods 1000"]


def test_a_resource_may_be_kept_for_less(found: Inventory, write: Write, prune: Prune) -> None:
    for days in (10, 5, 1):
        write(days, "leases", context="dev")
        write(days, "leases", context="prod")
        write(days, "pods")
    pruned = prune(30, "leases:3")

    assert pruned.changes == 4
    assert left(found) == ["pods 10", "pods 5", "leases 1", "pods 1"]
    assert horizon(found) == {"leases": "2026-11-24"}


def test_a_resource_may_be_kept_for_longer(found: Inventory, write: Write, prune: Prune) -> None:
    for days in (130, 80, 40, 1):
        write(days, "pods")
        write(days, "certificates.cert-manager.io")
        write(days, "nodes")
    pruned = prune(30, {"pods": 90, "*.cert-manager.io": 0})

    # Nodes: 130, 80 and 40 days old; pods: 130 days old.
    assert pruned.changes == 4
    assert pruned.dropped == ()
    assert {name for name in left(found) if name.startswith("pods")} == {"pods 80", "pods 40", "pods 1"}
    assert {name for name in left(found) if name.startswith("nodes")} == {"nodes 1"}
    assert len([name for name in left(found) if name.startswith("certificates")]) == 4
    assert horizon(found) == {"nodes": "2026-10-28", "pods": "2026-08-29"}


def test_months_that_became_empty_are_dropped_too(found: Inventory, write: Write, prune: Prune) -> None:
    write(130, "nodes")
    write(80, "pods")
    pruned = prune(30, "pods:90")

    assert (pruned.changes, pruned.dropped) == (1, ("k8s_history_2026_07", "k8s_history_2026_08"))
    assert left(found) == ["pods 80"]


def test_only_one_resource_is_not_kept_for_ever(found: Inventory, write: Write, prune: Prune) -> None:
    write(80, "pods")
    write(80, "nodes")

    assert prune(0, "nodes:7").changes == 1
    assert left(found) == ["pods 80"]


def test_more_than_one_transaction_takes_is_deleted(
    found: Inventory, write: Write, prune: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 100)
    write(20, "leases", count=250)
    write(20, "pods", count=10)
    write(19, "leases", count=50)

    assert prune(30, "leases:3").changes == 300
    assert left(found) == ["pods 20"]


def test_a_pruning_ends_and_the_next_one_goes_on(
    found: Inventory, write: Write, prune: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    monkeypatch.setattr(retention, "_BATCHES", 2)
    write(20, "leases", count=25)
    first, second = prune(30, "leases:3"), prune(30, "leases:3")

    assert (first.changes, second.changes) == (20, 5)
    assert first.remarks == ("there are more than the 20 changes that one pruning deletes at most",)
    assert horizon(found) == {"leases": "2026-11-24"}


def test_the_horizon_is_told_in_the_transaction_that_deletes(
    found: Inventory, write: Write, prune: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(20, "leases")
    found.query("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not today'; END$$")
    found.query("CREATE TRIGGER refuse BEFORE INSERT ON k8s_history_kept EXECUTE FUNCTION refuse()")

    with pytest.raises(DatabaseError, match="history was not pruned: not today"):
        prune(30, "leases:3")
    assert left(found) == ["leases 20"]


def test_a_horizon_never_goes_back(found: Inventory, write: Write, prune: Prune) -> None:
    write(20, "leases")
    prune(30, "leases:3")
    write(20, "leases")
    prune(30, "leases:10")

    assert horizon(found) == {"leases": "2026-11-24"}


@pytest.fixture
def member(found: Inventory) -> Iterator[str]:
    """A role that syncs and does not own the tables."""
    found.query("CREATE ROLE syncs_only")
    found.query("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO syncs_only")
    found.query("REVOKE ALL ON k8s_history_2026_07, k8s_history_2026_08 FROM syncs_only")
    yield "syncs_only"
    found.query("DROP OWNED BY syncs_only")
    found.query("DROP ROLE syncs_only")


def test_a_role_that_may_not_drop_months_deletes_rows_and_says_so(
    member: str, found: Inventory, write: Write, prune: Prune
) -> None:
    for days in (130, 40, 1):
        write(days)
    pruned = prune(30, role=member)

    assert (pruned.changes, pruned.dropped) == (2, ())
    assert pruned.remarks == (
        "this user does not own public.k8s_history and cannot drop its months, so old changes were deleted row by row: "
        "let its owner run `k8s-inventory prune`, or grant this user the owner's role",
    )
    assert left(found) == ["pods 1"]
    assert horizon(found) == {"pods": "2026-10-28"}


def test_a_role_that_may_not_even_delete_is_told_what_to_grant(
    member: str, found: Inventory, write: Write, prune: Prune
) -> None:
    write(130)
    found.query("REVOKE DELETE ON k8s_history FROM syncs_only")

    with pytest.raises(DatabaseError, match="permission denied for table k8s_history: grant DELETE on k8s_history"):
        prune(30, role=member)
    assert left(found) == ["pods 130"]


def test_months_in_use_are_left_for_the_next_time(
    found: Inventory, write: Write, prune: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_TRIES", 2)
    write(130)
    with psycopg.connect(found.dsn) as reading:
        reading.execute("SELECT FROM k8s_history LIMIT 1")
        pruned = prune(30)

    assert pruned.remarks == (
        "old months of history were not dropped, as it was in use all the time: the next pruning does",
    )
    assert left(found) == ["pods 130"]
    assert "k8s_history_2026_07" in prune(30).dropped


def test_a_vacuum_of_a_month_that_stays_is_no_obstacle(found: Inventory, write: Write, prune: Prune) -> None:
    write(130)
    with psycopg.connect(found.dsn) as vacuuming:
        vacuuming.execute("LOCK TABLE k8s_history_2026_10, k8s_history_2026_11 IN SHARE UPDATE EXCLUSIVE MODE")

        assert "k8s_history_2026_07" in prune(30).dropped


def test_a_sync_that_writes_history_meanwhile_goes_on(found: Inventory, write: Write, prune: Prune) -> None:
    write(130)
    write(20, "leases")
    pruned: list[Pruned] = []
    with psycopg.connect(found.dsn) as writing:
        writing.execute(
            "INSERT INTO k8s_history (context_name, resource, uid, name, change, at, sync_id)"
            " VALUES ('dev', 'leases', 'u', 'new', 'updated', %s, 1)",
            [NOW],
        )
        pruner = threading.Thread(target=lambda: pruned.append(prune(30, "leases:3")))
        pruner.start()
        wait_until(lambda: "leases 20" not in left(found), "the old change of leases is gone")
        writing.commit()
        pruner.join()

    assert pruned[0].changes == 1
    assert len(pruned[0].dropped) == 3
    assert left(found) == ["new"]


def test_of_two_prunings_one_does_it(found: Inventory, write: Write, prune: Prune) -> None:
    write(130, count=50)
    write(20, "leases", count=50)
    pruned: list[Pruned] = []
    threads = [threading.Thread(target=lambda: pruned.append(prune(30, "leases:3"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(each.changes for each in pruned) == 50
    assert sorted(name for each in pruned for name in each.dropped) == [
        f"k8s_history_2026_{month}" for month in ("07", "08", "09")
    ]
    assert left(found) == []


def mark(found: Inventory, table: str, name: str, days: int) -> None:
    found.query(f"UPDATE {table} SET deleted_at = %s WHERE name = %s", NOW - timedelta(days=days), name)


@pytest.fixture
def marked(found: Inventory, dev: Cluster, sync: Syncer) -> Inventory:
    """Pods: one is there, one was marked 10 days ago, and one 40 days ago."""
    dev.seed("pods", [pod(name) for name in ("there", "young", "old")])
    sync("pods", on_delete="mark")
    mark(found, "k8s_pods", "young", 10)
    mark(found, "k8s_pods", "old", 40)
    return found


def test_rows_that_were_marked_long_ago_go(marked: Inventory, prune: Prune) -> None:
    assert prune(30).marked == 1
    assert marked.names("k8s_pods") == ["there", "young"]


def test_marked_rows_go_by_the_days_of_their_resource(marked: Inventory, prune: Prune) -> None:
    assert prune(30, "pods:60").marked == 0
    assert prune(0, "nodes:1").marked == 0
    assert prune(0).marked == 0
    assert prune(30, "pods:5").marked == 2
    assert marked.names("k8s_pods") == ["there"]


def test_marked_rows_stay_while_a_sync_of_them_is_running(marked: Inventory, prune: Prune) -> None:
    scope = Scope(context_name="dev", resource="pods")
    with psycopg.connect(marked.dsn) as conn, sessions.transaction(conn) as cursor:
        locking.lock_scope(cursor, "public", scope)
        pruned = prune(30)

    assert pruned.marked == 0
    assert pruned.remarks == ("marked rows of dev · pods stay until the next pruning, as a sync is running",)
    assert prune(30).marked == 1


def test_a_sync_waits_for_a_pruning_and_does_not_fail(marked: Inventory) -> None:
    scope, ends = Scope(context_name="dev", resource="pods"), []

    def enter() -> None:
        with psycopg.connect(marked.dsn) as other, sessions.transaction(other) as cursor:
            try:
                locking.lock_scope(cursor, "public", scope)
                ends.append("entered")
            except LockedError as error:
                ends.append(str(error))

    with psycopg.connect(marked.dsn) as conn, sessions.transaction(conn) as cursor:
        assert locking.try_to_prune(cursor, "public", scope)
        entering = threading.Thread(target=enter)
        entering.start()
        waiting = "SELECT 1 AS found FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: bool(marked.query(waiting)), "the sync waits")
    entering.join()

    assert ends == ["entered"]


def test_a_row_that_came_back_to_life_stays(marked: Inventory, prune: Prune, sync: Syncer) -> None:
    assert sync("pods", on_delete="mark", mode="full").updated == 2
    assert prune(30).marked == 0
    assert marked.names("k8s_pods") == ["old", "there", "young"]


def test_marked_rows_of_custom_resources_go_by_their_resource(found: Inventory, prune: Prune) -> None:
    for resource in ("a.example.com", "b.example.com"):
        found.query(
            "INSERT INTO k8s_custom_resources (context_name, uid, name, labels, annotations, resource, first_seen_at,"
            " changed_at, deleted_at) VALUES ('dev', 'u', 'x', '{}', '{}', %s, now(), now(), %s)",
            resource,
            NOW - timedelta(days=40),
        )

    assert prune(30, "a.example.com:60").marked == 1
    assert [row["resource"] for row in found.rows("k8s_custom_resources")] == ["a.example.com"]


def test_syncs_go_on_while_everything_old_is_pruned_all_the_time(found: Inventory, dev: Cluster, sync: Syncer) -> None:
    """As if two months had passed: what a sync marks goes at once, and the month it writes to may be dropped."""
    dev.seed("pods", pods(20))
    sync("pods", on_delete="mark")
    ended, pruned = threading.Event(), list[Pruned]()

    def prune() -> None:
        while not ended.is_set():
            with psycopg.connect(found.dsn) as conn:
                after = datetime.now(UTC) + timedelta(days=62)
                pruned.append(
                    retention.prune(conn, schema="public", days=30, histories=Histories.read("pods:5"), now=after)
                )

    pruner = threading.Thread(target=prune)
    pruner.start()
    try:
        reports = []
        for number in range(20):
            dev.delete("pods", f"web-{number:04}", "default")
            dev.seed("pods", [pod(f"web-{number:04}" if number % 2 else f"new-{number}")])
            reports.append(sync("pods", on_delete="mark", mode=("full", "metadata", "delta")[number % 3]))
    finally:
        ended.set()
        pruner.join()

    assert {report.status for report in reports} == {"success"}
    live = [row["name"] for row in found.rows("k8s_pods") if row["deleted_at"] is None]
    assert live == sorted(each["metadata"]["name"] for each in dev.objects("pods"))
    left_marked = sum(1 for row in found.rows("k8s_pods") if row["deleted_at"])
    assert sum(each.marked for each in pruned) + left_marked == sum(report.deleted for report in reports) >= 10
