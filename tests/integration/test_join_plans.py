"""A whole scope is compared by hashing, also while PostgreSQL has no statistics of the rows that just came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import Seen
from airflow_provider_k8s_inventory.postgres import comparing, loading, statements
from airflow_provider_k8s_inventory.postgres.statements import NOT_SEEN, NOT_STAGED, Target
from airflow_provider_k8s_inventory.simulator import Cluster
from tests.fixtures.manifests import pods
from tests.fixtures.tables import Inventory
from tests.integration.conftest import Syncer

pytestmark = pytest.mark.postgres15

TARGET = Target(schema="public", table=resources.CATALOGUE["pods"].table, context_name="dev")


@pytest.fixture
def cursor(dev: Cluster, sync: Syncer, inventory: Inventory, database: str) -> Iterator[psycopg.Cursor[Any]]:
    """A cursor in a transaction that compares a scope of 2,000 rows without statistics."""
    dev.seed("pods", pods(2000))
    with psycopg.connect(database) as conn, conn.cursor() as opened:
        conn.execute("ALTER TABLE k8s_pods SET (autovacuum_enabled = off)")
        conn.commit()
        sync()
        loading.plan_for_many(opened)
        comparing.start(opened)
        comparing.see(
            opened, (Seen(row["uid"], row["namespace"], row["name"], "1") for row in inventory.rows("k8s_pods"))
        )
        loading.stage(opened, TARGET)
        opened.execute("INSERT INTO pg_temp.k8s_stage (uid) SELECT uid FROM k8s_pods")
        yield opened
        conn.rollback()
        conn.execute("ALTER TABLE k8s_pods RESET (autovacuum_enabled)")


STATEMENTS = {
    "count": lambda gone: statements.count(TARGET, statements.LIVE, gone),
    "delete": lambda gone: statements.delete_gone(TARGET, gone),
    "mark": lambda gone: statements.mark_gone(TARGET, gone),
}


@pytest.mark.parametrize("gone", [NOT_STAGED, NOT_SEEN], ids=["not staged", "not seen"])
@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_what_is_gone_is_found_without_comparing_each_row_with_each(
    statement: Callable[[sql.Composable], sql.Composed], gone: sql.Composable, cursor: psycopg.Cursor[Any]
) -> None:
    assert "Nested Loop" not in plan(cursor, statement(gone), TARGET.parameters)


def test_what_differs_is_found_without_comparing_each_row_with_each(cursor: psycopg.Cursor[Any]) -> None:
    parameters = TARGET.parameters | {"cluster_uid": "dev", "keep_uid": True}

    assert "Nested Loop" not in plan(cursor, statements.merge(TARGET), parameters)
    assert "Nested Loop" not in plan(cursor, statements.deduplicate(), {})


def plan(cursor: psycopg.Cursor[Any], statement: sql.Composable, parameters: dict[str, Any]) -> str:
    cursor.execute(sql.SQL("EXPLAIN ") + statement, parameters)
    return "\n".join(row[0] for row in cursor.fetchall())
