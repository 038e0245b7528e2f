"""Rows are copied in PostgreSQL's binary format, and what it reads is what was given."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import Column
from airflow_provider_k8s_inventory.postgres import copying

pytestmark = pytest.mark.postgres15

TABLE = sql.Identifier("pg_temp", "copied")
VALUES: dict[Any, list[Any]] = {
    "text": ["", "a\tb\\c\n", "\N{SNOWMAN}\U0001f600", "x" * 300_000],
    "jsonb": ['{"a": "\\\\ \\u0022 \\t"}', "[1.50, null, true]", '"\N{SNOWMAN}"', "null"],
    "integer": [0, -1, 2**31 - 1, -(2**31)],
    "bigint": [0, -1, 2**31, 2**63 - 1, -(2**63)],
    "numeric": [
        Decimal(number)
        for number in (
            "0",
            "-0",
            "0.000",
            "0E+6",
            "1",
            "-1",
            "9999",
            "10000",
            "-10000.0001",
            "0.001",
            "-0.5",
            "0.00010",
            "0.0001",
            "1E-9",
            "9223372036854775807.999999999",
            "1E+18",
            "12345.678900",
            "16767549440",
            "1.5E+300",
            "-1E+999",
            "1E-400",
            "9" * 28,
        )
    ],
    "boolean": [True, False],
    "timestamp with time zone": [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 5, 8, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2))),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
    "inet": ["10.0.0.1", "255.255.255.255", "::1", "fe80::1:2", "::ffff:10.0.0.1"],
    "text[]": [[], ["a"], ["", 'b"{},\\', None]],
    "inet[]": [[], ["10.0.0.1", "::1"]],
}


def column(name: str, type_: Any) -> Column:
    named: Any = name
    return Column(name=named, type=type_, comment="")


@pytest.mark.parametrize("type_", VALUES)
def test_what_is_copied_is_what_is_read(conn: psycopg.Connection, type_: Any) -> None:
    values = [None, *VALUES[type_]]
    same, place, copied = column("same", "text"), column("place", "integer"), column("copied", type_)
    cast = sql.SQL(type_)
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMPORARY TABLE copied (same text, place integer, copied {})").format(cast))
        given = copying.copy(cursor, TABLE, [place, copied], enumerate(values), constant={same: "each"})
        # As texts, which tell 1.50 from 1.5.
        compare = sql.SQL(
            "SELECT same, copied::text IS NOT DISTINCT FROM (%s::text::{})::text FROM {} WHERE place = %s"
        )
        found = [
            cursor.execute(compare.format(cast, TABLE), [literal(value), place]).fetchone()
            for place, value in enumerate(values)
        ]

    assert given == len(values)
    assert found == [("each", True)] * len(values)


def literal(value: Any) -> Any:
    """Write a value as PostgreSQL's text; psycopg writes what is no array."""
    if isinstance(value, Decimal):
        # Zeros that end a fraction are left out.
        return f"{value.normalize():f}"
    if not isinstance(value, list):
        return None if value is None else str(value)
    quoted = ("NULL" if each is None else json.dumps(each) for each in value)
    return f"{{{','.join(quoted)}}}"


def test_no_rows_are_copied(conn: psycopg.Connection) -> None:
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE copied (number integer)")

        assert copying.copy(cursor, TABLE, [column("number", "integer")], []) == 0
        assert cursor.rowcount == 0


def test_the_columns_of_every_table_can_be_copied() -> None:
    assert {column.type for table in resources.TABLES for column in table.columns} <= copying.TYPES
