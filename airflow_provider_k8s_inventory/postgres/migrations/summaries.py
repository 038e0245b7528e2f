"""The summary tables: sums over pods that no index can make fast, kept up by triggers on the table of pods.

Images are summed up twice: where pods of one image are in many namespaces, the sums per namespace are too many to be
read at a time, 150,000 in 0.9 s. So those per context are summed up from them, by triggers on their table.

Triggers, and not statements of the sync, so that they are right whoever writes the rows. They run once a statement, on
the rows that it changed, with the rights of the owner of the tables. For a first sync, which is a statement for each
page, that would be 20 times what it costs to sum up the context once, at its end: so does `postgres.filling`.

PostgreSQL knows nothing of the rows of a statement, nor of those that just came. So the functions are not compiled,
which took 2 s for a sync of 5 pods on PostgreSQL 15, and they do not sort arrays of texts: 0.7 s for 20,000 pods, and
hashing takes 0.1 s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.postgres import filling
from airflow_provider_k8s_inventory.postgres.migrations.tables import Change

_PODS: Final = resources.CATALOGUE["pods"].table.name
_EVENTS: Final[tuple[tuple[LiteralString, LiteralString], ...]] = (
    ("INSERT", "REFERENCING NEW TABLE AS new_rows"),
    ("UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"),
    ("DELETE", "REFERENCING OLD TABLE AS old_rows"),
    ("TRUNCATE", ""),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One summary table."""

    name: LiteralString
    comment: str
    key: dict[LiteralString, str]
    """The comment of each column that tells rows apart; all are text."""
    sums: dict[LiteralString, tuple[LiteralString, str]]
    """The type and the comment of each sum, ``pods`` first; a row of no pods is none."""
    rows: LiteralString
    """The query that sums up the rows of ``{rows}``."""


IMAGES: Final = Summary(
    name="k8s_summary_images",
    comment="How many pods have each image, per context and namespace",
    key={
        "context_name": "The kubeconfig context",
        "namespace": "The namespace",
        "image": "The image as pods name it",
        "digest": "The digest that runs; empty: unknown",
    },
    sums={"pods": ("bigint", "How many pods have it")},
    # Pods of one template have the same images: they are looked into once.
    rows="""
        SELECT same.context_name, same.namespace, used.image, used.digest, sum(same.pods)::bigint AS pods
        FROM (
            SELECT context_name, coalesce(namespace, '') AS namespace, images, image_ids, count(*) AS pods
            FROM {rows} WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4
        ) AS same
        CROSS JOIN LATERAL (
            SELECT DISTINCT each.image,
                coalesce(nullif(split_part(each.image, '@', 2), ''), split_part(each.id, '@', 2), '') AS digest
            FROM unnest(same.images, same.image_ids) AS each (image, id)
            WHERE each.image IS NOT NULL
        ) AS used
        GROUP BY 1, 2, 3, 4
    """,
)

NODES: Final = Summary(
    name="k8s_summary_nodes",
    comment="What the pods of each node ask for that have not ended: what k8s_capacity reads",
    key={"context_name": "The kubeconfig context", "node_name": "The node"},
    sums={
        "pods": ("bigint", "How many pods it has"),
        "cpu_requests": ("numeric", "Cores that they ask for"),
        "cpu_limits": ("numeric", "Cores that they may use, as far as they have a limit"),
        "memory_requests": ("numeric", "Bytes that they ask for"),
        "memory_limits": ("numeric", "Bytes that they may use, as far as they have a limit"),
    },
    # A pod that has ended needs nothing of its node.
    rows="""
        SELECT context_name, node_name, count(*) AS pods, sum(coalesce(cpu_requests, 0)) AS cpu_requests,
            sum(coalesce(cpu_limits, 0)) AS cpu_limits, sum(coalesce(memory_requests, 0)) AS memory_requests,
            sum(coalesce(memory_limits, 0)) AS memory_limits
        FROM {rows}
        WHERE deleted_at IS NULL AND node_name IS NOT NULL AND phase IS DISTINCT FROM 'Succeeded'
            AND phase IS DISTINCT FROM 'Failed'
        GROUP BY 1, 2
    """,
)

CONTEXT_IMAGES: Final = Summary(
    name="k8s_summary_context_images",
    comment="How many pods have each image, per context: what k8s_images reads",
    key={column: comment for column, comment in IMAGES.key.items() if column != "namespace"},
    sums={
        "pods": ("bigint", "How many pods have it"),
        "namespaces": ("bigint", "In how many namespaces they are"),
    },
    rows="""
        SELECT context_name, image, digest, sum(pods)::bigint AS pods, count(*) AS namespaces
        FROM {rows} GROUP BY 1, 2, 3
    """,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Level:
    """The summaries that triggers on one table keep up."""

    table: str
    function: str
    """The function of the triggers; its name begins those of the triggers."""
    summaries: tuple[Summary, ...]


_LEVELS: Final = (
    _Level(table=IMAGES.name, function="k8s_summarize_images", summaries=(CONTEXT_IMAGES,)),
    _Level(table=_PODS, function="k8s_summarize_pods", summaries=(IMAGES, NODES)),
)
"""Each before that whose summaries it sums up."""
_OF_PODS: Final = _LEVELS[-1].summaries
SUMMARIES: Final = tuple(summary for level in _LEVELS for summary in level.summaries)

_ADD: Final = """
INSERT INTO {summary} AS s ({columns})
SELECT {keys}, {sums} FROM ({changes}) AS change GROUP BY {keys} HAVING {changed} ORDER BY {keys}
ON CONFLICT ({keys}) DO UPDATE SET {added}
"""

_TIDY: Final = """
DELETE FROM {summary} AS s WHERE s.pods <= 0 AND s.context_name IN (SELECT context_name FROM old_rows)
"""

# Two syncs of one context may write pods of other namespaces at a time: they would wait for each other's rows.
_LOCK: Final = """
PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended({key} || context_name, 0))
FROM (SELECT DISTINCT context_name FROM {rows} ORDER BY 1) AS context
"""

_BODY: Final = """
BEGIN
    IF pg_catalog.current_setting({filling}, true) = 'on' THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        {insert};
    ELSIF TG_OP = 'UPDATE' THEN
        {update};
    ELSIF TG_OP = 'DELETE' THEN
        {delete};
    ELSE
        {truncate};
    END IF;
    RETURN NULL;
END
"""

_ANEW: Final = """
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended({key} || of_context, 0));
    {steps};
END
"""

_RIGHTS: Final = sql.SQL("SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_sort = off")

_GRANTS: Final = """
DO $grants$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
        FROM pg_class AS c, aclexplode(c.relacl) AS a
        WHERE c.oid = {pods}::regclass AND a.grantee <> c.relowner AND a.privilege_type = 'SELECT'
    LOOP
        EXECUTE 'GRANT SELECT ON ' || {name} || ' TO ' || held.grantee;
    END LOOP;
    -- Only the users can write their policies: until they do, nobody but the owner sees a row.
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = {pods}::regclass) THEN
        ALTER TABLE {summary} ENABLE ROW LEVEL SECURITY;
    END IF;
END
$grants$
"""


def changes(cursor: psycopg.Cursor[Any], schema: str, below: Iterable[Change]) -> list[Change]:
    """List the steps that make the summary tables the declared ones; they are filled as they are made.

    :param below: the changes of the tables.
    """
    change = Change(name="summaries of k8s_pods", statements=list(_statements(schema)))
    anew = any(each.name == f"table {_PODS}" and each.destroys for each in below)
    return [] if not anew and _have_triggers(cursor, schema) and change.is_done(cursor) else [change]


def _have_triggers(cursor: psycopg.Cursor[Any], schema: str) -> bool:
    cursor.execute(
        "SELECT count(*) FROM pg_trigger AS t JOIN pg_proc AS p"
        " ON p.oid = t.tgfoid WHERE (t.tgrelid, p.proname) IN (SELECT to_regclass(place), name"
        " FROM unnest(%s::text[], %s::text[]) AS level (place, name))",
        [
            [sql.Identifier(schema, level.table).as_string(cursor) for level in _LEVELS],
            [level.function for level in _LEVELS],
        ],
    )
    return cursor.fetchone() == (len(_EVENTS) * len(_LEVELS),)


def _statements(schema: str) -> Iterator[sql.Composed]:
    for summary in SUMMARIES:
        yield from _table(schema, summary)
    for level in _LEVELS:
        yield from _triggers(schema, level)
    yield sql.SQL("CREATE OR REPLACE FUNCTION {}(of_context text) RETURNS void LANGUAGE plpgsql {} AS {}").format(
        sql.Identifier(schema, filling.SUMMARIZE), _RIGHTS, sql.Literal(_anew(schema).as_string(None))
    )
    # Whatever a database grants by default: it says no more than the rows.
    signature = sql.SQL("{}(text)").format(sql.Identifier(schema, filling.SUMMARIZE))
    yield sql.SQL("GRANT EXECUTE ON FUNCTION {} TO PUBLIC").format(signature)
    yield sql.SQL("COMMENT ON FUNCTION {} IS {}").format(
        signature, sql.Literal("Sum up the pods of a context anew; after a restore of data alone, for example")
    )
    for summary in _OF_PODS:
        # The triggers on a summary keep up those of the next level.
        yield sql.SQL("DELETE FROM {}").format(sql.Identifier(schema, summary.name))
        yield _added(schema, summary, sql.SQL(summary.rows).format(rows=sql.Identifier(schema, _PODS)))


def _triggers(schema: str, level: _Level) -> Iterator[sql.Composed]:
    table, function = sql.Identifier(schema, level.table), sql.Identifier(schema, level.function)
    yield sql.SQL("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql {} AS {}").format(
        function, _RIGHTS, sql.Literal(_body(schema, level).as_string(None))
    )
    yield sql.SQL("COMMENT ON FUNCTION {}() IS {}").format(
        function, sql.Literal(f"Keep the summary tables up with a statement on {level.table}")
    )
    for event, referencing in _EVENTS:
        name = sql.Identifier(f"{level.function}_{event.lower()}")
        yield sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(name, table)
        yield sql.SQL("CREATE TRIGGER {} AFTER {} ON {} {} FOR EACH STATEMENT EXECUTE FUNCTION {}()").format(
            name, sql.SQL(event), table, sql.SQL(referencing), function
        )


def _table(schema: str, summary: Summary) -> Iterator[sql.Composed]:
    name = sql.Identifier(schema, summary.name)
    yield sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, {}, PRIMARY KEY ({}))").format(
        name,
        sql.SQL(", ").join(sql.SQL("{} text NOT NULL").format(sql.Identifier(column)) for column in summary.key),
        sql.SQL(", ").join(
            sql.SQL("{} {} NOT NULL").format(sql.Identifier(column), sql.SQL(type_))
            for column, (type_, _) in summary.sums.items()
        ),
        sql.SQL(", ").join(map(sql.Identifier, summary.key)),
    )
    yield sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(summary.comment))
    for column, comment in (summary.key | {column: text for column, (_, text) in summary.sums.items()}).items():
        yield sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(name, sql.Identifier(column), sql.Literal(comment))
    pods = sql.Literal(sql.Identifier(schema, _PODS).as_string(None))
    yield sql.SQL(_GRANTS).format(pods=pods, summary=name, name=sql.Literal(name.as_string(None)))


def _body(schema: str, level: _Level) -> sql.Composed:
    return sql.SQL(_BODY).format(
        filling=sql.Literal(filling.SETTING),
        insert=_steps(schema, level, ("new_rows", "")),
        update=_steps(schema, level, ("new_rows", ""), ("old_rows", "-")),
        delete=_steps(schema, level, ("old_rows", "-")),
        truncate=sql.SQL(";\n").join(
            sql.SQL("DELETE FROM {}").format(sql.Identifier(schema, summary.name)) for summary in level.summaries
        ),
    )


def _anew(schema: str) -> sql.Composed:
    """Compose the body of the function that sums up one context anew."""
    rows = sql.SQL("(SELECT * FROM {} WHERE context_name = of_context) AS pod").format(sql.Identifier(schema, _PODS))
    steps: list[sql.Composable] = []
    for summary in _OF_PODS:
        name = sql.Identifier(schema, summary.name)
        steps.append(sql.SQL("DELETE FROM {} WHERE context_name = of_context").format(name))
        steps.append(_added(schema, summary, sql.SQL(summary.rows).format(rows=rows)))
    return sql.SQL(_ANEW).format(key=_lock_key(schema), steps=sql.SQL(";\n    ").join(steps))


def _lock_key(schema: str) -> sql.Literal:
    return sql.Literal(f"k8s_inventory/{schema}/summaries/")


def _steps(schema: str, level: _Level, *signed: tuple[LiteralString, LiteralString]) -> sql.Composed:
    """Compose what a statement on a table does to its summaries.

    :param level: the table and its summaries.
    :param signed: the tables of rows it brought and took away, and the signs they count with.
    """
    rows, sign = signed[-1]
    steps = [sql.SQL(_LOCK).format(key=_lock_key(schema), rows=sql.SQL(rows))]
    for summary in level.summaries:
        parts = [
            sql.SQL("SELECT {}, {} FROM ({}) AS it").format(
                sql.SQL(", ").join(map(sql.Identifier, summary.key)),
                sql.SQL(", ").join(
                    sql.SQL("{0}{1} AS {1}").format(sql.SQL(minus), sql.Identifier(column)) for column in summary.sums
                ),
                sql.SQL(summary.rows).format(rows=sql.SQL(table)),
            )
            for table, minus in signed
        ]
        steps.append(_added(schema, summary, sql.SQL(" UNION ALL ").join(parts)))
        if sign:
            steps.append(sql.SQL(_TIDY).format(summary=sql.Identifier(schema, summary.name)))
    return sql.SQL(";\n").join(steps)


def _added(schema: str, summary: Summary, found: sql.Composable) -> sql.Composed:
    sums = [(sql.Identifier(column), sql.SQL(type_)) for column, (type_, _) in summary.sums.items()]
    return sql.SQL(_ADD).format(
        summary=sql.Identifier(schema, summary.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, (*summary.key, *summary.sums))),
        keys=sql.SQL(", ").join(map(sql.Identifier, summary.key)),
        sums=sql.SQL(", ").join(sql.SQL("sum({})::{}").format(column, type_) for column, type_ in sums),
        changes=found,
        changed=sql.SQL(" OR ").join(sql.SQL("sum({}) <> 0").format(column) for column, _ in sums),
        added=sql.SQL(", ").join(sql.SQL("{0} = s.{0} + excluded.{0}").format(column) for column, _ in sums),
    )
