"""A whole scope is compared by hashing, also while PostgreSQL has no statistics of the rows that just came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import OnDelete, Seen
from airflow_provider_k8s_inventory.postgres import diff, listed, rows, staging
from airflow_provider_k8s_inventory.postgres.diff import NOT_LISTED, NOT_STAGED, Gone, Writing
from airflow_provider_k8s_inventory.postgres.target import Target
from tests.kit.inventory import Inventory
from tests.kit.objects import pods
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.postgres15

TARGET = Target(schema="public", table=resources.CATALOGUE["pods"].table, context_name="dev")
WRITING = Writing(target=TARGET, cluster_uid="dev", keep_uid=True, on_delete="delete")


@pytest.fixture
def cursor(dev: Cluster, sync: Syncer, inventory: Inventory, migrated_database: str) -> Iterator[psycopg.Cursor[Any]]:
    """A cursor in a transaction that compares a scope of 2,000 rows without statistics."""
    dev.seed("pods", pods(2000))
    with psycopg.connect(migrated_database) as conn, conn.cursor() as opened:
        conn.execute("ALTER TABLE k8s_pods SET (autovacuum_enabled = off)")
        conn.commit()
        sync()
        rows.join_by_hash(opened)
        listed.start(opened)
        listed.add(opened, (Seen(row["uid"], row["namespace"], row["name"], "1") for row in inventory.rows("k8s_pods")))
        staging.start(opened, TARGET)
        opened.execute("INSERT INTO pg_temp.k8s_stage (uid) SELECT uid FROM k8s_pods")
        yield opened
        conn.rollback()
        conn.execute("ALTER TABLE k8s_pods RESET (autovacuum_enabled)")


@pytest.mark.parametrize("gone", [NOT_STAGED, NOT_LISTED], ids=["not staged", "not listed"])
def test_what_changes_is_found_without_comparing_each_row_with_each(gone: Gone, cursor: psycopg.Cursor[Any]) -> None:
    diff.start(cursor)
    parameters = WRITING.parameters | {"gone": []}

    assert "Nested Loop" not in plan(cursor, diff.computing(WRITING, gone, staged=True), parameters)


@pytest.mark.parametrize("on_delete", ["delete", "mark"])
def test_changes_are_applied_without_comparing_each_row_with_each(
    on_delete: OnDelete, cursor: psycopg.Cursor[Any]
) -> None:
    writing = replace(WRITING, on_delete=on_delete)
    found = diff.compute(cursor, writing, NOT_LISTED, staged=True)

    assert found.updates == 2000
    for statement, _ in diff.steps(writing, found.counts):
        assert "Nested Loop" not in plan(cursor, statement, writing.parameters | {"at": found.at})


def plan(cursor: psycopg.Cursor[Any], statement: bytes, parameters: dict[str, Any]) -> str:
    cursor.execute(b"EXPLAIN " + statement, parameters)
    return "\n".join(row[0] for row in cursor.fetchall())
