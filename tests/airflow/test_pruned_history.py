"""The report drops old history by the rules of the sync, and is no worse for what it cannot drop."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.airflow.test_pruned_ledger import report, write


@pytest.fixture
def old(inventory: str) -> str:
    """Changes, and pods that were marked, 100, 40 and 0 days ago."""
    with psycopg.connect(inventory) as conn:
        conn.execute(
            "INSERT INTO k8s_history (context_name, resource, uid, name, change, at, sync_id)"
            " SELECT 'dev', 'pods', 'u', days, 'updated', now() - days * interval '1 day', 1"
            " FROM unnest(ARRAY[100, 40, 0]) AS days"
        )
        conn.execute(
            "INSERT INTO k8s_pods (context_name, uid, name, labels, annotations, first_seen_at, changed_at, deleted_at)"
            " SELECT 'gone', days, days, '{}', '{}', at, at, at"
            " FROM unnest(ARRAY[100, 40, 0]) AS days, LATERAL (SELECT now() - days * interval '1 day' AS at) AS x"
        )
    write(inventory, days=0, run_id="now")
    return inventory


def names(dsn: str, table: str) -> set[str]:
    with psycopg.connect(dsn) as conn:
        return {row[0] for row in conn.execute(f"SELECT name FROM {table} WHERE name ~ '^[0-9]+$'".encode())}


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ({}, {"0"}),
        ({"keep_history": ""}, {"0"}),
        ({"keep_history": "60"}, {"0", "40"}),
        ({"keep_history": 0}, {"0", "40", "100"}),
        ({"history": {"pods": 60}}, {"0", "40"}),
        ({"history": "['pods:60', 'nodes:5']"}, {"0", "40"}),
        ({"history": "{'pods': 0}"}, {"0", "40", "100"}),
        ({"history": "None"}, {"0"}),
        ({"history": False}, {"0"}),
    ],
)
def test_what_is_older_than_asked_for_is_dropped(arguments: dict[str, Any], kept: set[str], old: str) -> None:
    report(**arguments)

    assert names(old, "k8s_pods") == kept
    assert names(old, "k8s_history") <= {*kept, "40"}  # a month that is not over for long enough stays whole
    assert names(old, "k8s_history") >= kept


@pytest.mark.alters_database
def test_what_cannot_be_dropped_is_a_warning(old: str, capfd: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(old) as conn:
        conn.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not today'; END$$")
        conn.execute("CREATE TRIGGER refuse BEFORE DELETE ON k8s_pods EXECUTE FUNCTION refuse()")
    report()

    assert "history was not pruned: not today" in capfd.readouterr().out
    assert names(old, "k8s_pods") == {"0", "40", "100"}


def test_what_was_done_is_in_the_log(old: str, capfd: pytest.CaptureFixture[str]) -> None:
    report(history="pods:30")

    assert "old changes and 2 rows marked long ago were deleted" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keep_history": -1}, "keep_history must be a whole number"),
        ({"keep_history": "a month"}, "keep_history must be a whole number"),
        ({"history": "pods:soon"}, "history: 'pods:soon' is no rule"),
        ({"history": {"pods": {"hours": 3}}}, "history: pods has no hours"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], message: str, old: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        report(**arguments)
