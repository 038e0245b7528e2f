"""The difference of a scope is one table, which tells the old and the new rows before anything is applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import OnDelete
from airflow_provider_k8s_inventory.postgres import diff, staging
from airflow_provider_k8s_inventory.postgres.diff import NOT_STAGED, Writing
from airflow_provider_k8s_inventory.postgres.target import Target
from tests.kit.objects import pods
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.postgres15

WRITING = Writing(
    target=Target(schema="public", table=resources.CATALOGUE["pods"].table, context_name="dev"),
    cluster_uid=None,
    keep_uid=True,
    on_delete="delete",
)


@pytest.fixture
def cursor(dev: Cluster, sync: Syncer, migrated_database: str) -> Iterator[psycopg.Cursor[Any]]:
    """A cursor in a transaction in which web-0000 is staged as it is, web-0001 changed, and web-0003 is new."""
    dev.seed("pods", pods(3))
    sync()
    with psycopg.connect(migrated_database) as conn, conn.cursor() as opened:
        staging.start(opened, WRITING.target)
        columns = ", ".join(column.name for column in WRITING.target.staged)
        opened.execute(f"INSERT INTO pg_temp.k8s_stage SELECT {columns} FROM k8s_pods WHERE name < 'web-0002'".encode())
        opened.execute("UPDATE pg_temp.k8s_stage SET phase = 'Failed' WHERE name = 'web-0001'")
        opened.execute(f"INSERT INTO pg_temp.k8s_stage SELECT {columns} FROM k8s_pods WHERE name = 'web-0002'".encode())
        opened.execute("UPDATE pg_temp.k8s_stage SET uid = 'new', name = 'web-0003' WHERE name = 'web-0002'")
        yield opened
        conn.rollback()


def test_it_holds_what_changes_and_nothing_else(cursor: psycopg.Cursor[Any]) -> None:
    found = diff.compute(cursor, WRITING, NOT_STAGED, staged=True)
    cursor.execute(
        "SELECT d.action, t.name, t.phase, s.name, s.phase FROM pg_temp.k8s_diff AS d"
        " LEFT JOIN k8s_pods AS t ON t.uid = d.uid LEFT JOIN pg_temp.k8s_stage AS s ON s.uid = d.uid ORDER BY d.action"
    )

    assert cursor.fetchall() == [
        ("delete", "web-0002", "Running", None, None),
        ("insert", None, None, "web-0003", "Running"),
        ("update", "web-0001", "Running", "web-0001", "Failed"),
    ]
    assert (found.inserts, found.updates, found.deletes, found.live(3)) == (1, 1, 1, 3)


@pytest.mark.parametrize(
    ("on_delete", "left"),
    [
        ("delete", [("web-0000", "Running"), ("web-0001", "Failed"), ("web-0003", "Running")]),
        ("mark", [("web-0000", "Running"), ("web-0001", "Failed"), ("web-0002", None), ("web-0003", "Running")]),
    ],
)
def test_it_is_applied_as_it_was_computed(
    on_delete: OnDelete, left: list[tuple[str, str | None]], cursor: psycopg.Cursor[Any]
) -> None:
    writing = replace(WRITING, on_delete=on_delete)
    counts = diff.apply(cursor, writing, diff.compute(cursor, writing, NOT_STAGED, staged=True))
    cursor.execute("SELECT name, CASE WHEN deleted_at IS NULL THEN phase END FROM k8s_pods ORDER BY name")

    assert cursor.fetchall() == left
    assert (counts.inserted, counts.updated, counts.deleted) == (1, 1, 1)


def test_a_marked_row_is_restored_when_its_object_is_there_and_purged_when_rows_are_deleted(
    cursor: psycopg.Cursor[Any],
) -> None:
    cursor.execute("UPDATE k8s_pods SET deleted_at = now() WHERE name <> 'web-0001'")
    found = diff.compute(cursor, WRITING, NOT_STAGED, staged=True)

    assert (found.restores, found.purges, found.deletes, found.live(1)) == (1, 1, 0, 3)
    counts = diff.apply(cursor, WRITING, found)
    assert (counts.inserted, counts.updated, counts.deleted) == (1, 2, 1)
