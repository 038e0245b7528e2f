"""The months of history are made before they come, and no sync ever lacks a place for its rows, or waits for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from airflow_provider_k8s_inventory.postgres import sessions
from airflow_provider_k8s_inventory.postgres.migrations import migrate, partitions
from tests.kit.inventory import Inventory

pytestmark = [pytest.mark.postgres15, pytest.mark.alters_database]

NOW = datetime(2026, 11, 27, 5, 40, tzinfo=UTC)
AS_MIGRATED = "CREATE TABLE k8s_history_later PARTITION OF k8s_history FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"


@pytest.fixture
def found(migrated_database: str) -> Iterator[Inventory]:
    """History as its migration leaves it: with one partition for everything."""
    with Inventory(migrated_database) as opened:
        for part in parts(migrated_database):
            opened.query(f'DROP TABLE "{part.name}"')
        opened.query(AS_MIGRATED)
        yield opened


def parts(dsn: str) -> list[partitions.Partition]:
    with psycopg.connect(dsn) as conn, sessions.transaction(conn) as cursor:
        return partitions.read(cursor, "public")


def make(dsn: str, now: datetime = NOW) -> list[str]:
    with psycopg.connect(dsn) as conn:
        return partitions.make_ahead(conn, "public", now=now)


def write(found: Inventory, at: datetime, name: str = "web", resource: str = "pods") -> None:
    found.query(
        "INSERT INTO k8s_history (context_name, resource, uid, name, change, at, sync_id)"
        " VALUES ('dev', %s, 'u', %s, 'updated', %s, 1)",
        resource,
        name,
        at,
    )


def place_of(found: Inventory, name: str) -> str:
    (row,) = found.query("SELECT tableoid::regclass::text AS place FROM k8s_history WHERE name = %s", name)
    return str(row["place"])


def bounds(dsn: str) -> list[tuple[str, str, str]]:
    return [
        (
            part.name.removeprefix("k8s_history_"),
            f"{part.start.astimezone(UTC):%Y-%m-%d}" if part.start else "",
            f"{part.end.astimezone(UTC):%Y-%m-%d}" if part.end else "",
        )
        for part in parts(dsn)
    ]


def test_this_month_and_three_more_are_made(found: Inventory) -> None:
    made = make(found.dsn)

    assert made == [f"k8s_history_{month}" for month in ("2026_11", "2026_12", "2027_01", "2027_02")]
    assert bounds(found.dsn) == [
        ("older", "", "2026-11-01"),
        ("2026_11", "2026-11-01", "2026-12-01"),
        ("2026_12", "2026-12-01", "2027-01-01"),
        ("2027_01", "2027-01-01", "2027-02-01"),
        ("2027_02", "2027-02-01", "2027-03-01"),
        ("later", "2027-03-01", ""),
    ]
    assert make(found.dsn) == []


def test_the_next_month_makes_one_more(found: Inventory) -> None:
    make(found.dsn)
    made = make(found.dsn, NOW + timedelta(days=5))

    assert made == ["k8s_history_2027_03"]
    assert bounds(found.dsn)[-2:] == [("2027_03", "2027-03-01", "2027-04-01"), ("later", "2027-04-01", "")]


def test_a_long_pause_leaves_no_gap(found: Inventory) -> None:
    make(found.dsn)
    make(found.dsn, datetime(2028, 2, 29, tzinfo=UTC))
    places = bounds(found.dsn)

    assert [start for _, start, _ in places[1:]] == [end for _, _, end in places[:-1]]
    assert places[-1] == ("later", "2028-06-01", "")


def test_each_time_has_a_place(found: Inventory) -> None:
    make(found.dsn)
    for at, place in (
        (NOW, "2026_11"),
        (datetime(2026, 12, 1, tzinfo=UTC), "2026_12"),
        (datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC), "2026_11"),
        (datetime(1999, 1, 1, tzinfo=UTC), "older"),
        (datetime(2050, 1, 1, tzinfo=UTC), "later"),
    ):
        write(found, at, name=str(at))

        assert place_of(found, str(at)) == f"k8s_history_{place}"


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_months_are_those_of_utc_whatever_the_time_zone_of_the_session(zone: str, found: Inventory) -> None:
    with psycopg.connect(found.dsn, options=f"-c timezone={zone}") as conn:
        partitions.make_ahead(conn, "public", now=NOW)

        assert partitions.make_ahead(conn, "public", now=NOW) == []
    assert bounds(found.dsn)[1] == ("2026_11", "2026-11-01", "2026-12-01")


def test_rows_that_came_before_their_month_was_made_stay_and_are_found(found: Inventory) -> None:
    write(found, NOW - timedelta(days=40), name="old")
    write(found, NOW, name="new")
    made = make(found.dsn)

    assert made == ["k8s_history_2026_12", "k8s_history_2027_01", "k8s_history_2027_02"]
    assert bounds(found.dsn)[:3] == [
        ("older", "", "2026-10-01"),
        # Nothing is moved: it has the two months of its rows.
        ("2026_10", "2026-10-01", "2026-12-01"),
        ("2026_12", "2026-12-01", "2027-01-01"),
    ]
    assert [row["name"] for row in found.query("SELECT name FROM k8s_history ORDER BY at")] == ["old", "new"]


def test_rows_that_came_behind_the_last_month_stay_and_are_found(found: Inventory) -> None:
    make(found.dsn)
    after = datetime(2027, 5, 3, tzinfo=UTC)
    write(found, datetime(2027, 3, 2, tzinfo=UTC), name="old")
    write(found, after, name="new")
    make(found.dsn, after)

    assert bounds(found.dsn)[5:] == [
        ("2027_03", "2027-03-01", "2027-06-01"),
        ("2027_06", "2027-06-01", "2027-07-01"),
        ("2027_07", "2027-07-01", "2027-08-01"),
        ("2027_08", "2027-08-01", "2027-09-01"),
        ("later", "2027-09-01", ""),
    ]
    assert place_of(found, "new") == place_of(found, "old") == "k8s_history_2027_03"


def test_a_migration_makes_them(found: Inventory) -> None:
    with psycopg.connect(found.dsn) as conn:
        done = migrate(conn)

    assert done == []
    assert f"k8s_history_{datetime.now(UTC):%Y_%m}" in {part.name for part in parts(found.dsn)}


def test_each_partition_has_the_indexes_and_the_key(found: Inventory) -> None:
    make(found.dsn)
    write(found, datetime(2027, 3, 2, tzinfo=UTC))
    make(found.dsn, datetime(2027, 4, 2, tzinfo=UTC))
    counts = found.query(
        "SELECT indrelid::regclass::text AS part, count(*) AS indexes, count(*) FILTER (WHERE indisprimary) AS keys"
        " FROM pg_index JOIN pg_inherits ON inhrelid = indrelid WHERE inhparent = 'k8s_history'::regclass GROUP BY 1"
    )

    (whole,) = found.query("SELECT count(*) AS indexes FROM pg_index WHERE indrelid = 'k8s_history'::regclass")
    assert {(row["indexes"], row["keys"]) for row in counts} == {(whole["indexes"], 1)}
    assert len(counts) == len(parts(found.dsn))


def test_a_partition_shows_nothing_by_its_own_name_where_history_has_row_level_security(found: Inventory) -> None:
    found.query("ALTER TABLE k8s_history ENABLE ROW LEVEL SECURITY")
    make(found.dsn)
    secured = found.query(
        "SELECT DISTINCT relrowsecurity FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid"
        " WHERE inhparent = 'k8s_history'::regclass"
    )

    assert secured == [{"relrowsecurity": True}]


def test_partitions_get_row_level_security_that_history_got_later(found: Inventory) -> None:
    make(found.dsn)
    found.query("ALTER TABLE k8s_history ENABLE ROW LEVEL SECURITY")

    assert make(found.dsn) == []
    assert not any(part.is_open for part in parts(found.dsn))


def test_a_reader_of_history_needs_no_rights_on_the_new_months(found: Inventory) -> None:
    found.query("CREATE ROLE reads_months")
    try:
        found.query("GRANT SELECT ON k8s_history TO reads_months")
        make(found.dsn)
        write(found, NOW)
        found.query("SET ROLE reads_months")

        assert len(found.query("SELECT * FROM k8s_history")) == 1
    finally:
        found.query("RESET ROLE")
        found.query("DROP OWNED BY reads_months")
        found.query("DROP ROLE reads_months")


def test_a_sync_under_way_makes_it_give_way_and_is_not_kept_waiting(found: Inventory) -> None:
    with psycopg.connect(found.dsn) as writing, psycopg.connect(found.dsn, autocommit=True) as other:
        writing.execute(
            "INSERT INTO k8s_history (context_name, resource, uid, name, change, at, sync_id)"
            " VALUES ('dev', 'pods', 'u', 'first', 'updated', %s, 1)",
            [NOW],
        )
        made: list[str] = []
        maker = threading.Thread(target=lambda: made.extend(make(found.dsn)))
        maker.start()
        other.execute("SET lock_timeout = '2s'")
        waited = 0.0
        until = time.monotonic() + 10
        while waited < 0.05 and time.monotonic() < until:  # until one was behind it
            began = time.monotonic()
            other.execute(
                "INSERT INTO k8s_history (context_name, resource, uid, change, at, sync_id)"
                " VALUES ('dev', 'pods', 'v', 'updated', now(), 1)"
            )
            waited = max(waited, time.monotonic() - began)
        writing.commit()
        maker.join()

    assert len(made) >= 3
    assert 0.05 <= waited < 1
    assert place_of(found, "first") == "k8s_history_2026_11"


def test_whoever_uses_history_all_the_time_is_left_alone(
    found: Inventory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(partitions, "_TRIES", 2)
    with psycopg.connect(found.dsn) as reading:
        reading.execute("SELECT FROM k8s_history")

        assert make(found.dsn) == []
    assert "the months of public.k8s_history to come were not made" in caplog.text
    assert len(parts(found.dsn)) == 1


def test_a_vacuum_of_a_month_is_no_obstacle(found: Inventory) -> None:
    make(found.dsn)
    with psycopg.connect(found.dsn) as vacuuming:
        vacuuming.execute("LOCK TABLE k8s_history_2026_11 IN SHARE UPDATE EXCLUSIVE MODE")

        assert make(found.dsn, NOW + timedelta(days=5)) == ["k8s_history_2027_03"]


def test_two_at_a_time_make_them_once(found: Inventory) -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(make(found.dsn))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == len(set(made)) == 4


def test_a_role_that_does_not_own_history_says_so_once_rows_lack_a_month(
    found: Inventory, caplog: pytest.LogCaptureFixture
) -> None:
    make(found.dsn)
    found.query("CREATE ROLE no_owner")
    try:
        with psycopg.connect(found.dsn) as conn:
            conn.execute("SET ROLE no_owner")
            conn.commit()
            in_time = partitions.make_ahead(conn, "public", now=datetime(2027, 2, 1, tzinfo=UTC))
            said = caplog.text
            late = partitions.make_ahead(conn, "public", now=datetime(2027, 3, 1, tzinfo=UTC))
    finally:
        found.query("DROP ROLE no_owner")

    assert (in_time, said, late) == ([], "", [])
    assert "this user does not own public.k8s_history; `k8s-inventory prune` of its owner does it" in caplog.text
