"""The rows of one scope, as every statement about them names them: their table, their conditions, their parameters.

SQL is composed from these parts with `psycopg.sql`; no value is ever formatted into it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache, wraps
from typing import Any, Final, LiteralString, ParamSpec, cast

from psycopg import sql

from airflow_provider_k8s_inventory.model import EVERYTHING, Column, Selection, Table

LIVE: Final = sql.SQL("t.deleted_at IS NULL")
"""Rows that are not marked as deleted."""
NAMED_KEY: Final = sql.SQL("position('/' IN t.uid) > 0")
"""Rows whose key holds a name: their object has no uid, or shares it with others."""
CLUSTER_UID: Final = sql.SQL("coalesce(%(cluster_uid)s::text, CASE WHEN %(keep_uid)s::boolean THEN t.cluster_uid END)")
"""The cluster a row now belongs to. Where that is unknown, a row may keep what it had."""

_P = ParamSpec("_P")

_STATEMENTS: Final = 1000
"""Statements that one function remembers, of 3 kB each: those of 60 tables are 400."""

_SOME: Final = Selection(namespaces=("*",))
_NAMED: Final = Selection(namespaces=("default",))

_CONSTANT: Final = frozenset({"context_name", "cluster_uid"})
_MAINTAINED: Final = frozenset({"first_seen_at", "changed_at", "deleted_at"})


def composed_once(compose: Callable[_P, sql.Composable]) -> Callable[_P, bytes]:
    """Let a function compose each statement once, as bytes for ``execute``: its arguments decide the text.

    For a table of 45 columns psycopg takes 1 ms, and a watch of many clusters writes a hundred scopes a second.
    """

    @lru_cache(maxsize=_STATEMENTS)
    @wraps(compose)
    def composed(*arguments: _P.args, **keywords: _P.kwargs) -> bytes:
        return compose(*arguments, **keywords).as_bytes(None)

    return cast("Callable[_P, bytes]", composed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The rows of one table that belong to one scope."""

    schema: str
    table: Table
    context_name: str
    selection: Selection = EVERYTHING
    resource: str | None = None
    """The value of the column ``resource``, where the table holds several resources."""

    @property
    def shape(self) -> Target:
        """The target without the values of its parameters: what the text of a statement depends on."""
        selection = EVERYTHING
        if self.selection.namespaces:
            selection = _SOME if self.selection.is_open else _NAMED
        return replace(self, context_name="", selection=selection, resource=None if self.resource is None else "")

    @property
    def name(self) -> sql.Identifier:
        """The table's qualified name."""
        return sql.Identifier(self.schema, self.table.name)

    @property
    def may_share_uids(self) -> bool:
        """Tell if several objects may have one uid: custom resources may be those of an aggregated API."""
        return self.resource is not None

    @property
    def staged(self) -> tuple[Column, ...]:
        """The columns that come from the cluster, in the order rows are given."""
        return tuple(
            column for column in self.table.columns if column.name not in _CONSTANT | _MAINTAINED and column.extracted
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the placeholders."""
        return {
            "context_name": self.context_name,
            "namespaces": list(self.selection.namespaces),
            "namespace_pattern": self.selection.namespace_pattern,
            "resource": self.resource,
        }

    @property
    def condition(self) -> sql.Composed:
        """The rows ``t`` of the table that are the scope's."""
        parts = [sql.SQL("t.context_name = %(context_name)s")]
        if self.selection.is_open:
            parts.append(sql.SQL("t.namespace ~ %(namespace_pattern)s"))
        elif self.selection.namespaces:
            parts.append(sql.SQL("t.namespace = ANY(%(namespaces)s)"))
        if self.resource is not None:
            parts.append(sql.SQL("t.resource = %(resource)s"))
        return sql.SQL(" AND ").join(parts)

    @property
    def same(self) -> sql.Composed:
        """The row ``t`` of the table that is of the object of a row ``s`` from the cluster."""
        same = sql.SQL("t.context_name = %(context_name)s AND t.uid = s.uid")
        if self.resource is not None:
            return same + sql.SQL(" AND t.resource = %(resource)s")
        return sql.Composed([same])

    def otherwise(self, row: LiteralString) -> sql.Composed:
        """Compare the name of a row with that of a row ``s`` from the cluster: true where they differ."""
        names = ("namespace", "name") if self.table.namespaced else ("name",)
        return sql.SQL("({})").format(
            sql.SQL(" OR ").join(
                sql.SQL("{0}.{2} IS DISTINCT FROM {1}.{2}").format(
                    sql.Identifier(row), sql.Identifier("s"), sql.Identifier(name)
                )
                for name in names
            )
        )

    def full_name(self, row: LiteralString) -> sql.Composed:
        """Compose the name of a row's object, with its namespace."""
        namespace = "coalesce({0}.namespace || '/', '') || " if self.table.namespaced else ""
        return sql.SQL(f"{namespace}coalesce({{0}}.name, '')").format(sql.Identifier(row))


@cache
def names(columns: tuple[Column, ...]) -> sql.Composed:
    """List the columns' names, for a statement."""
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)


@cache
def typed(columns: tuple[Column, ...]) -> sql.Composed:
    """List the columns' names with their types, for a temporary table."""
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type)) for column in columns
    )
