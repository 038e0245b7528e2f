"""The operator that makes the tables; what is migrated, and how, is tested without Airflow."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from k8s_inventory_demo.airflow.home import connection

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.operators.migrate import KubernetesInventoryMigrateOperator
from tests.airflow.tasks import execute


def migrate(**arguments: Any) -> Any:
    return execute(KubernetesInventoryMigrateOperator(task_id="migrate", **arguments))


def test_the_tables_are_made_once(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", json.dumps(connection(empty_database)))
    assert migrate()
    assert migrate() == []
    with psycopg.connect(empty_database) as conn:
        assert conn.execute("SELECT to_regclass('k8s_pods') IS NOT NULL").fetchone() == (True,)


@pytest.mark.alters_database
def test_data_is_destroyed_only_when_forced(inventory: str) -> None:
    with psycopg.connect(inventory) as conn:
        conn.execute("ALTER TABLE k8s_pods ALTER COLUMN qos_class TYPE integer USING 1")
    with pytest.raises(AirflowFailException, match="k8s_pods"):
        migrate()
    assert migrate(mode="forced")


def test_a_schema_that_does_not_exist_says_what_to_do(inventory: str) -> None:
    with pytest.raises(DatabaseError, match="CREATE SCHEMA"):
        migrate(schema="nowhere")


def test_an_unknown_mode_is_named_and_not_tried_again(inventory: str) -> None:
    with pytest.raises(AirflowFailException, match="mode must be 'safe' or 'forced', got 'brave'"):
        migrate(mode="brave")


def test_a_schema_that_cannot_be_used_is_named_and_not_tried_again(inventory: str) -> None:
    with pytest.raises(AirflowFailException, match="schema 'a%b' cannot be used"):
        migrate(schema="a%b")
