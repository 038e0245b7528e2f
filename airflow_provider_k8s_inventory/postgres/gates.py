"""Gates: queries that have rows exactly where the inventory is not as good as somebody asks for.

Each is composed with its values in it, so that whoever reads it in a log can run it. Which contexts and resources
names and globs mean is chosen in `sync.choosing`; what follows from a row is for the operators to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.durations import told
from airflow_provider_k8s_inventory.model import GOOD, Scope, Selection
from airflow_provider_k8s_inventory.postgres.changed import reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """The bounds that a caller asks for."""

    fresh_within: timedelta | None
    """The age of a scope's last good sync; None: not checked."""
    max_fall: float | None
    """Percent by which a scope may have fewer objects than in the syncs before; None: not checked."""
    fall_from: int
    """Objects that a scope must have had for a fall to count."""
    last_syncs: int
    """The good syncs before the last one that it is compared with."""
    max_warnings: int | None
    """Warnings of the last syncs of all scopes together; None: not checked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The scopes that are judged, and those that must be there."""

    contexts: Sequence[str] | None
    """The names of contexts; None: all."""
    resources: Sequence[str] | None
    """The canonical names of resources; None: all."""
    needed_contexts: Sequence[str]
    """Each must have a scope that once ended well."""
    needed_resources: Sequence[str]
    """Each context must have one of each of them; empty: of any."""


class Result(NamedTuple):
    """The result of one gate."""

    name: str
    demand: str
    """The demand, as half a sentence."""
    sql: str
    """The query, whose rows are those that are in the way."""
    found: tuple[str, ...]
    """The things in the way, the worst first."""

    @property
    def passed(self) -> bool:
        """True where nothing is in the way."""
        return not self.found


class _Gate(NamedTuple):
    name: str
    demand: str
    query: sql.Composed
    say: Callable[[dict[str, Any]], str]


_SCOPE: Final = "scope.context_name, scope.resource, scope.namespaces, scope.label_selector, scope.field_selector"

_MISSING: Final = """
SELECT context.name AS context_name, resource.name AS resource
FROM unnest({needed_contexts}::text[]) WITH ORDINALITY AS context (name, place)
CROSS JOIN unnest({needed_resources}::text[]) WITH ORDINALITY AS resource (name, place)
WHERE NOT EXISTS (
    SELECT FROM {freshness} AS scope
    WHERE scope.context_name = context.name AND resource.name IN (scope.resource, '')
        AND scope.last_success_at IS NOT NULL AND {chosen}
)
ORDER BY context.place, resource.place
"""

_STALE: Final = """
SELECT {scope}, scope.age
FROM {freshness} AS scope
WHERE (scope.age IS NULL OR scope.age > {fresh_within}) AND {chosen}
ORDER BY scope.age DESC NULLS FIRST, scope.context_name, scope.resource, scope.namespaces
"""

_FALLEN: Final = """
SELECT {scope}, run.objects, run.before
FROM {freshness} AS scope
CROSS JOIN LATERAL (
    SELECT max(seen) FILTER (WHERE place = 1) AS objects, round(avg(seen) FILTER (WHERE place > 1), 1) AS before
    FROM (
        SELECT sync.seen, row_number() OVER (ORDER BY sync.id DESC) AS place
        FROM {ledger} AS sync
        WHERE sync.status IN ({good}) AND {same}
        ORDER BY sync.id DESC LIMIT {last_syncs} + 1
    ) AS last
) AS run
WHERE run.before >= {fall_from} AND run.objects < run.before * (1 - {max_fall}::numeric / 100) AND {chosen}
ORDER BY run.objects / run.before, scope.context_name, scope.resource, scope.namespaces
"""

_WARNED: Final = """
SELECT *
FROM (
    SELECT {scope}, last.warnings, sum(last.warnings) OVER () AS total
    FROM {freshness} AS scope
    CROSS JOIN LATERAL (
        SELECT cardinality(sync.warnings) AS warnings FROM {ledger} AS sync
        WHERE {same} ORDER BY sync.id DESC LIMIT 1
    ) AS last
    WHERE {chosen}
) AS warned
WHERE total > {max_warnings} AND warnings > 0
ORDER BY warnings DESC, context_name, resource, namespaces
"""

_SAME: Final = """sync.context_name = scope.context_name AND sync.resource = scope.resource
            AND sync.namespaces IS NOT DISTINCT FROM scope.namespaces
            AND sync.label_selector IS NOT DISTINCT FROM scope.label_selector
            AND sync.field_selector IS NOT DISTINCT FROM scope.field_selector"""


def judge(conn: psycopg.Connection, schema: str, wanted: Wanted, bounds: Bounds) -> list[Result]:
    """Ask all gates, whatever becomes of each.

    :param conn: a connection outside of a transaction.
    :raises UsageError: when the schema's name cannot be used.
    :raises DatabaseError: when the ledger cannot be read.
    """
    results = []
    with reading(conn, schema, "the ledger") as cursor:
        for gate in _gates(schema, wanted, bounds):
            cursor.execute(gate.query)
            names = [column.name for column in cursor.description or ()]
            found = tuple(gate.say(dict(zip(names, row, strict=True))) for row in cursor.fetchall())
            results.append(Result(gate.name, gate.demand, gate.query.as_string(cursor).strip(), found))
    return results


def _gates(schema: str, wanted: Wanted, bounds: Bounds) -> Iterator[_Gate]:
    def query(text: LiteralString, **values: Any) -> sql.Composed:
        return sql.SQL(text).format(
            scope=sql.SQL(_SCOPE),
            freshness=sql.Identifier(schema, "k8s_freshness"),
            ledger=sql.Identifier(schema, "k8s_syncs"),
            same=sql.SQL(_SAME),
            good=sql.SQL(", ").join(map(sql.Literal, GOOD)),
            chosen=_chosen(wanted),
            **{name: sql.Literal(value) for name, value in values.items()},
        )

    yield _Gate(
        "nothing_missing",
        "every context that is asked for was once synced",
        query(
            _MISSING,
            needed_contexts=list(wanted.needed_contexts),
            needed_resources=list(wanted.needed_resources) or [""],
        ),
        _say_missing,
    )
    if bounds.fresh_within is not None:
        yield _Gate(
            "fresh",
            f"every scope ended well within {told(bounds.fresh_within)}",
            query(_STALE, fresh_within=bounds.fresh_within),
            _say_stale,
        )
    if bounds.max_fall is not None:
        yield _Gate(
            "no_fall",
            f"no scope has lost more than {bounds.max_fall:g} % of its objects",
            query(_FALLEN, max_fall=bounds.max_fall, fall_from=bounds.fall_from, last_syncs=bounds.last_syncs),
            _say_fallen,
        )
    if bounds.max_warnings is not None:
        yield _Gate(
            "few_warnings",
            f"the last syncs have at most {bounds.max_warnings} warnings",
            query(_WARNED, max_warnings=bounds.max_warnings),
            _say_warned,
        )


def _chosen(wanted: Wanted) -> sql.Composed:
    conditions = [
        sql.SQL("scope.{} = ANY ({}::text[])").format(sql.Identifier(column), sql.Literal(list(names)))
        for column, names in (("context_name", wanted.contexts), ("resource", wanted.resources))
        if names is not None
    ]
    return sql.SQL(" AND ").join(conditions or [sql.SQL("true").format()])


def _where(row: dict[str, Any]) -> str:
    scope = Scope(context_name=row["context_name"], resource=row["resource"], selection=Selection.of_columns(row))
    return str(scope)


def _say_missing(row: dict[str, Any]) -> str:
    return " · ".join(filter(None, (row["context_name"], row["resource"])))


def _say_stale(row: dict[str, Any]) -> str:
    return f"{_where(row)} ({'never' if row['age'] is None else told(row['age'])})"


def _say_fallen(row: dict[str, Any]) -> str:
    return f"{_where(row)} ({row['objects']} after {float(row['before']):g})"


def _say_warned(row: dict[str, Any]) -> str:
    return f"{_where(row)} ({row['warnings']})"
