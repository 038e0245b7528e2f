"""The functions over tables and views; they are compared by what was recorded when they were last made, as views."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.postgres.migrations import differing, past, search, timeline
from airflow_provider_k8s_inventory.postgres.migrations.function import Function
from airflow_provider_k8s_inventory.postgres.migrations.tables import Change

_OF_TABLES: Final = "functions of tables"


def changes(cursor: psycopg.Cursor[Any], schema: str, below: Iterable[Change]) -> list[Change]:
    """List the steps that make the functions the declared ones, the changes of tables and views among them.

    :param below: the changes of tables and views.
    """
    found = list(below)
    of_tables = list(past.of_tables(schema))
    destroyed = any(change.destroys for change in found)
    if destroyed:
        drop = sql.SQL("DROP FUNCTION IF EXISTS {}").format(sql.SQL(", ").join(_signatures(schema, of_tables)))
        found.insert(0, Change(name=f"{_OF_TABLES} dropped", statements=[drop]))
    others = (search.search(schema), *past.functions(schema), differing.diff(schema), timeline.timeline(schema))
    steps = [(f"function {function.name}", [function]) for function in others]
    for name, functions in (*steps, (_OF_TABLES, of_tables)):
        change = Change(name=name, statements=[each for function in functions for each in function.statements(schema)])
        anew = destroyed and functions is of_tables
        if anew or not (_are_there(cursor, _signatures(schema, functions)) and change.is_done(cursor)):
            found.append(change)
    return found


def _signatures(schema: str, functions: Iterable[Function]) -> list[sql.Composed]:
    return [function.signature(schema) for function in functions]


def _are_there(cursor: psycopg.Cursor[Any], signatures: list[sql.Composed]) -> bool:
    cursor.execute(
        "SELECT bool_and(to_regprocedure(each) IS NOT NULL) FROM unnest(%s::text[]) AS each",
        [[signature.as_string(cursor) for signature in signatures]],
    )
    return cursor.fetchone() == (True,)
