"""The SQL of loading a scope, composed and never formatted; it is run by `loading`.

A scope's rows are staged in a temporary table, and everything else is one statement on the two tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from airflow_provider_k8s_inventory.model import Column, Table

STAGE: Final = sql.Identifier("pg_temp", "k8s_stage")
SEEN: Final = sql.Identifier("pg_temp", "k8s_seen")

LIVE: Final = sql.SQL("t.deleted_at IS NULL")
"""Live is what is not marked as deleted."""
NOT_STAGED: Final = sql.SQL("NOT EXISTS (SELECT FROM {} AS s WHERE s.uid = t.uid)").format(STAGE)
"""Gone is what a complete answer, all of it staged, did not contain."""
NOT_SEEN: Final = sql.SQL("NOT EXISTS (SELECT FROM {} AS s WHERE s.uid = t.uid)").format(SEEN)
"""Gone is what a complete list of metadata did not contain."""
NAMED: Final = sql.SQL("t.uid = ANY(%(gone)s)")
"""Gone is what a watch said was deleted."""

_CONSTANT: Final = frozenset({"context_name", "cluster_uid"})
_KEPT_UP: Final = frozenset({"first_seen_at", "changed_at", "deleted_at"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The rows of one table that one scope speaks of."""

    schema: str
    table: Table
    context_name: str
    namespaces: tuple[str, ...] = ()
    """Empty: all of them."""
    resource: str | None = None
    """The value of the column ``resource``, where the table holds several resources."""

    @property
    def name(self) -> sql.Identifier:
        """The table's qualified name."""
        return sql.Identifier(self.schema, self.table.name)

    @property
    def staged(self) -> tuple[Column, ...]:
        """The columns that come from the cluster, in the order rows are given."""
        return tuple(
            column for column in self.table.columns if column.name not in _CONSTANT | _KEPT_UP and not column.generated
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """What the placeholders of the statements stand for."""
        return {
            "context_name": self.context_name,
            "namespaces": list(self.namespaces),
            "resource": self.resource,
        }

    @property
    def same(self) -> sql.Composed:
        """Whether a row of the table, named ``t``, is of the object of a row ``s`` that came from the cluster."""
        same = sql.SQL("t.context_name = %(context_name)s AND t.uid = s.uid")
        if self.resource is not None:
            return same + sql.SQL(" AND t.resource = %(resource)s")
        return sql.Composed([same])

    @property
    def condition(self) -> sql.Composed:
        """Which rows of the table, named ``t``, are the scope's."""
        parts = [sql.SQL("t.context_name = %(context_name)s")]
        if self.namespaces:
            parts.append(sql.SQL("t.namespace = ANY(%(namespaces)s)"))
        if self.resource is not None:
            parts.append(sql.SQL("t.resource = %(resource)s"))
        return sql.SQL(" AND ").join(parts)


def stage(target: Target) -> sql.Composed:
    """Create the temporary table; PostgreSQL drops it with the transaction."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type)) for column in target.staged
    )
    return sql.SQL("CREATE TEMPORARY TABLE k8s_stage ({}) ON COMMIT DROP").format(columns)


def copy(target: Target) -> sql.Composed:
    """Bring rows into the temporary table."""
    return sql.SQL("COPY {} ({}) FROM STDIN").format(STAGE, _names(target.staged))


def copy_new(target: Target) -> sql.Composed:
    """Bring rows straight into the table."""
    return sql.SQL("COPY {} (context_name, cluster_uid, first_seen_at, changed_at, {}) FROM STDIN").format(
        target.name, _names(target.staged)
    )


def deduplicate() -> sql.Composed:
    """Keep the last of several staged rows with the same uid."""
    return sql.SQL("DELETE FROM {0} AS a USING {0} AS b WHERE a.uid = b.uid AND a.ctid < b.ctid").format(STAGE)


def merge(target: Target) -> sql.Composed:
    """Write what is new or differs, and count the inserted and the updated rows.

    Rows that are the same are left out by the join: a conflict that updates nothing would still lock, and so write,
    the row.
    """
    names = [column.name for column in target.staged]
    compared = [*names, "cluster_uid"]
    staged = sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(name)) for name in names)
    return sql.SQL(
        "WITH written AS ("
        " INSERT INTO {table} AS t (context_name, cluster_uid, {names}, first_seen_at, changed_at)"
        " SELECT %(context_name)s, %(cluster_uid)s, {staged}, statement_timestamp(), statement_timestamp()"
        " FROM {stage} AS s LEFT JOIN {table} AS t ON {same}"
        " WHERE t.uid IS NULL OR t.deleted_at IS NOT NULL OR ({old}) IS DISTINCT FROM ({staged}, %(cluster_uid)s::text)"
        " ON CONFLICT ({key}) DO UPDATE SET {sets},"
        " changed_at = excluded.changed_at, deleted_at = NULL"
        # A row version that no update made has no xmax:
        # https://www.postgresql.org/docs/current/ddl-system-columns.html
        " RETURNING t.xmax = 0 AS inserted"
        ") SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written"
    ).format(
        table=target.name,
        names=_names(target.staged),
        staged=staged,
        stage=STAGE,
        old=sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in compared),
        sets=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
            for name in compared
            if name not in target.table.key
        ),
        same=target.same,
        key=sql.SQL(", ").join(map(sql.Identifier, target.table.key)),
    )


def count(target: Target, *conditions: sql.Composable) -> sql.Composed:
    """Count those of the scope's rows that fulfil all conditions, of the constants of this module."""
    return sql.SQL("SELECT count(*) FROM {} AS t WHERE {}").format(
        target.name, sql.SQL(" AND ").join((target.condition, *conditions))
    )


def delete_gone(target: Target, gone: sql.Composable) -> sql.Composed:
    """Delete the scope's rows that are gone."""
    return sql.SQL("DELETE FROM {table} AS t WHERE {condition} AND {gone}").format(
        table=target.name, condition=target.condition, gone=gone
    )


def mark_gone(target: Target, gone: sql.Composable) -> sql.Composed:
    """Mark the scope's rows that are gone."""
    return sql.SQL(
        "UPDATE {table} AS t SET deleted_at = statement_timestamp(), changed_at = statement_timestamp()"
        " WHERE {condition} AND t.deleted_at IS NULL AND {gone}"
    ).format(table=target.name, condition=target.condition, gone=gone)


def _names(columns: tuple[Column, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
