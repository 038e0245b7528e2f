"""The SQL of loading a scope, composed and never formatted; it is run by `loading`.

A scope's rows are staged in a temporary table, and everything else is one statement on the two tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, LiteralString

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

CLUSTER_UID: Final = sql.SQL("coalesce(%(cluster_uid)s::text, CASE WHEN %(keep_uid)s::boolean THEN t.cluster_uid END)")
"""The cluster a row is now known to be of; where that cannot be told, a row may keep what it had."""
EVERY: Final = sql.SQL("true")
"""Gone is everything: the cluster is proven not to serve the resource."""

HAS_ROW_TRIGGERS: Final = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = %(table)s::text::regclass AND NOT tgisinternal"
    # Of each row, and before it is written: https://doxygen.postgresql.org/pg__trigger_8h_source.html
    " AND tgtype::int & 3 = 3)"
)
"""Whether a trigger may change rows, or leave them out."""
NAMED_KEY: Final = sql.SQL("position('/' IN t.uid) > 0")
"""The key has a name in it: the object has no uid, or shares it with others."""

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
    def may_share_uids(self) -> bool:
        """Tell if objects may have the uid of another: custom resources may be those of an aggregated API."""
        return self.resource is not None

    @property
    def staged(self) -> tuple[Column, ...]:
        """The columns that come from the cluster, in the order rows are given."""
        return tuple(
            column for column in self.table.columns if column.name not in _CONSTANT | _KEPT_UP and column.extracted
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

    def otherwise(self, row: LiteralString) -> sql.Composed:
        """Whether a row is named otherwise than a row ``s`` that came from the cluster."""
        names = ("namespace", "name") if self.table.namespaced else ("name",)
        return sql.SQL("({})").format(
            sql.SQL(" OR ").join(
                sql.SQL("{0}.{2} IS DISTINCT FROM {1}.{2}").format(
                    sql.Identifier(row), sql.Identifier("s"), sql.Identifier(name)
                )
                for name in names
            )
        )

    @property
    def full_name(self) -> sql.SQL:
        """The name of the object of a row ``s``, with its namespace."""
        namespace = "coalesce(s.namespace || '/', '') || " if self.table.namespaced else ""
        return sql.SQL(f"{namespace}coalesce(s.name, '')")

    @property
    def named_key(self) -> sql.Composed:
        """The key of the object of a row ``s`` that shares its uid with others."""
        return sql.SQL("s.uid || '/' || {}").format(self.full_name)

    @property
    def among(self) -> sql.Composed:
        """Whether a row of the table, named ``t``, is of an object with one of these keys and one of these names."""
        namespace = "coalesce(t.namespace || '/', '') || " if self.table.namespaced else ""
        return sql.SQL("t.uid = ANY(%(keys)s) AND {} = ANY(%(names)s)").format(
            sql.SQL(f"{namespace}coalesce(t.name, '')")
        )

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


def keep_keys(target: Target) -> sql.Composed:
    """Give staged rows the keys that the rows of their objects have, though no other object has their uid by now."""
    return sql.SQL(
        "UPDATE {stage} AS s SET uid = t.uid FROM {table} AS t"
        " WHERE {condition} AND {named} AND t.uid = {key} RETURNING {name}"
    ).format(
        stage=STAGE,
        table=target.name,
        condition=target.condition,
        named=NAMED_KEY,
        key=target.named_key,
        name=target.full_name,
    )


def take_keys(target: Target) -> sql.Composed:
    """Give staged rows keys of their own where the row with their uid is another object's."""
    return sql.SQL(
        "UPDATE {stage} AS s SET uid = {key} FROM {table} AS t WHERE {same} AND {otherwise} RETURNING {name}"
    ).format(
        stage=STAGE,
        table=target.name,
        same=target.same,
        otherwise=target.otherwise("t"),
        key=target.named_key,
        name=target.full_name,
    )


def share_keys(target: Target) -> sql.Composed:
    """Give staged rows of one uid and several objects keys of their own, but the one whose row has the uid."""
    return sql.SQL(
        "UPDATE {stage} AS s SET uid = {key}"
        " WHERE EXISTS (SELECT FROM {stage} AS o WHERE o.uid = s.uid AND {otherwise})"
        " AND NOT EXISTS (SELECT FROM {table} AS t WHERE {same} AND NOT {taken}) RETURNING {name}"
    ).format(
        stage=STAGE,
        table=target.name,
        same=target.same,
        otherwise=target.otherwise("o"),
        taken=target.otherwise("t"),
        key=target.named_key,
        name=target.full_name,
    )


def named_otherwise(target: Target) -> sql.Composed:
    """Whether another object than before has the uid of a staged row."""
    return sql.SQL("SELECT EXISTS (SELECT FROM {} AS s JOIN {} AS t ON {} WHERE {})").format(
        STAGE, target.name, target.same, target.otherwise("t")
    )


def named_twice(target: Target) -> sql.Composed:
    """Whether two objects of the staged rows have one uid."""
    return sql.SQL("SELECT EXISTS (SELECT FROM {0} AS s JOIN {0} AS o ON s.uid = o.uid WHERE {1})").format(
        STAGE, target.otherwise("o")
    )


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
        " SELECT %(context_name)s, {cluster_uid}, {staged}, statement_timestamp(), statement_timestamp()"
        " FROM {stage} AS s LEFT JOIN {table} AS t ON {same}"
        " WHERE {differs}"
        " ON CONFLICT ({key}) DO UPDATE SET {sets},"
        " changed_at = excluded.changed_at, deleted_at = NULL"
        # An update keeps first_seen_at. (xmax would tell too, but partitioned tables do not return it.)
        " RETURNING t.first_seen_at = t.changed_at AS inserted"
        ") SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written"
    ).format(
        table=target.name,
        names=_names(target.staged),
        staged=staged,
        stage=STAGE,
        cluster_uid=CLUSTER_UID,
        differs=_differs(target),
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


def count_differing(target: Target) -> sql.Composed:
    """Count the staged rows that are not in the table as they are."""
    return sql.SQL("SELECT count(*) FROM {stage} AS s LEFT JOIN {table} AS t ON {same} WHERE {differs}").format(
        stage=STAGE, table=target.name, same=target.same, differs=_differs(target)
    )


def _differs(target: Target) -> sql.Composed:
    """Whether a staged row ``s`` is not in the table, as ``t``, or not as it is."""
    names = [sql.Identifier(column.name) for column in target.staged]
    return sql.SQL(
        "(t.uid IS NULL OR t.deleted_at IS NOT NULL OR ({old}, t.cluster_uid) IS DISTINCT FROM ({new}, {cluster_uid}))"
    ).format(
        cluster_uid=CLUSTER_UID,
        old=sql.SQL(", ").join(sql.SQL("t.{}").format(name) for name in names),
        new=sql.SQL(", ").join(sql.SQL("s.{}").format(name) for name in names),
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


def stamp(target: Target) -> sql.Composed | None:
    """Set what every good sync sets, whether or not the row changed; None: the table has no such column."""
    columns = [column for column in target.table.columns if column.stamped]
    if not columns:
        return None
    return sql.SQL("UPDATE {table} AS t SET {sets} WHERE {condition} AND {live}").format(
        table=target.name,
        sets=sql.SQL(", ").join(
            sql.SQL("{} = statement_timestamp()").format(sql.Identifier(column.name)) for column in columns
        ),
        condition=target.condition,
        live=LIVE,
    )


def _names(columns: tuple[Column, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
