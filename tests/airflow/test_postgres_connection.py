"""How the operators come to a database connection by way of Airflow's `PostgresHook`."""

from __future__ import annotations

import json

import psycopg
import pytest
from k8s_inventory_demo.airflow.home import connection as airflow_connection
from k8s_inventory_demo.processes import free_port
from psycopg import conninfo

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.hooks import postgres
from airflow_provider_k8s_inventory.postgres import sessions


def set_connection(monkeypatch: pytest.MonkeyPatch, dsn: str, **extra: object) -> None:
    fields = dict(airflow_connection(dsn))
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", json.dumps(fields | {"extra": extra}))


def test_it_is_a_psycopg_3_connection_that_ends_with_the_block(inventory: str) -> None:
    with postgres.connection("postgres_default") as conn:
        assert isinstance(conn, psycopg.Connection)
    assert conn.closed


def test_it_reads_tuples_whatever_cursor_the_connection_asks_for(
    inventory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_connection(monkeypatch, inventory, cursor="dictcursor")
    with postgres.connection("postgres_default") as conn:
        assert conn.execute("SELECT 1 AS one").fetchall() == [(1,)]


def test_it_is_made_fit_whatever_the_connection_says(inventory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_connection(
        monkeypatch, inventory, options="-c default_transaction_isolation=serializable", client_encoding="LATIN1"
    )
    with postgres.connection("postgres_default") as conn, sessions.transaction(conn) as cursor:
        found = cursor.execute(
            "SELECT current_setting('transaction_isolation'), current_setting('client_encoding'),"
            " current_setting('application_name'), '😀'"
        ).fetchone()
        assert (found, conn.prepare_threshold) == (("read committed", "UTF8", "k8s-inventory", "😀"), None)


def test_a_wrong_password_is_named_and_not_shown(inventory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_connection(monkeypatch, conninfo.make_conninfo(inventory, password="wrong-password"))
    with pytest.raises(DatabaseError, match=r"'postgres_default'.*check the password") as error:
        postgres.connection("postgres_default").__enter__()
    assert "wrong-password" not in str(error.value)


def test_a_server_that_is_not_there_is_named(inventory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_connection(monkeypatch, conninfo.make_conninfo(inventory, port=free_port()))
    with pytest.raises(DatabaseError, match="check host, port and firewall"):
        postgres.connection("postgres_default").__enter__()


def test_an_error_inside_the_block_says_what_to_do(inventory: str) -> None:
    with (
        pytest.raises(DatabaseError, match="migrate the database first"),
        postgres.connection("postgres_default") as conn,
    ):
        conn.execute("SELECT 1 FROM k8s_nothing")


def test_psycopg_2_is_refused_with_what_to_install(inventory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the provider settles on where SQLAlchemy is older than 2.
    monkeypatch.setattr("airflow.providers.postgres.hooks.postgres.USE_PSYCOPG3", False)
    with pytest.raises(DatabaseError, match=r"psycopg2.*COPY needs psycopg 3"):
        postgres.connection("postgres_default").__enter__()
