"""The functions that tell how things were: an object, a row, or the rows of a table at a time.

They start at what is now and take back every change since. What changed is told by `differing` and `timeline`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, LiteralString

import msgspec
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import Table
from airflow_provider_k8s_inventory.postgres.migrations.function import Function
from airflow_provider_k8s_inventory.resources import custom

# PostgreSQL reads each step of a path by what it finds there: a member of this name, or an element of this index.
_PATCHED: Final = """
(object jsonb, patch jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $patched$
DECLARE
    step record;
BEGIN
    FOR step IN
        SELECT ARRAY(SELECT jsonb_array_elements_text(each -> 0)) AS path, each -> 1 AS old,
            jsonb_array_length(each) = 1 AS absent
        FROM jsonb_array_elements(patch) AS each
    LOOP
        IF step.path = '{{}}' THEN
            object := step.old;
        ELSIF step.absent THEN
            object := object #- step.path;
        ELSE
            object := jsonb_set(object, step.path, step.old);
        END IF;
    END LOOP;
    RETURN object;
END
$patched$
"""

# A scope of which no history is kept has its rows since its last sync; one of all namespaces has those of the others,
# too. Scopes of one resource never differ in their selectors.
_KNOWN: Final = """
(of_resource text, ts timestamptz, context text) RETURNS TABLE (context_name text, resource text)
LANGUAGE plpgsql STABLE SET jit = off AS $known$
#variable_conflict use_variable
DECLARE
    scope record;
    named boolean := context IS NOT NULL AND of_resource IS NOT NULL;
    what text := coalesce(of_resource, 'custom resources') || coalesce(' of context ' || context, '');
    number integer := 0;
    unknown text[] := '{{}}';
BEGIN
    IF ts IS NULL THEN
        RAISE EXCEPTION 'there is no time: ts is NULL' USING ERRCODE = 'null_value_not_allowed';
    ELSIF ts > clock_timestamp() THEN
        RAISE EXCEPTION '% is in the future', ts USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What is now is in the tables; a time without a zone is of the zone of the session, '
                || current_setting('timezone') || '.';
    END IF;
    FOR scope IN
        SELECT it.context_name, it.resource,
            greatest(
                coalesce(max(it.history_since) FILTER (WHERE it.namespaces IS NULL),
                    max(coalesce(it.history_since, it.last_success_at))),
                (SELECT max(kept.since) FROM {kept} AS kept WHERE kept.resource IN (it.resource, ''))
            ) AS since,
            bool_or(it.history_since IS NOT NULL) AS is_kept
        FROM {scopes} AS it
        WHERE it.last_success_at IS NOT NULL AND (context IS NULL OR it.context_name = context)
            AND CASE WHEN of_resource IS NULL THEN it.resource <> ALL ({own}) ELSE it.resource = of_resource END
        GROUP BY it.context_name, it.resource ORDER BY since, it.context_name, it.resource
    LOOP
        number := number + 1;
        IF scope.since <= ts THEN
            context_name := scope.context_name;
            resource := scope.resource;
            RETURN NEXT;
        ELSIF named AND scope.is_kept THEN
            RAISE EXCEPTION 'how % were is known since %, not at %', what, scope.since, ts
                USING ERRCODE = 'invalid_parameter_value', HINT = 'k8s_coverage says since when, and of what.';
        ELSIF named THEN
            RAISE EXCEPTION 'no history is kept of %: how they were is known since the last sync, %', what, scope.since
                USING ERRCODE = 'invalid_parameter_value', HINT = 'A sync with history on keeps it from then on.';
        ELSE
            unknown := unknown || format('%s %s (known since %s)', scope.context_name, scope.resource, scope.since);
        END IF;
    END LOOP;
    IF number = 0 THEN
        RAISE EXCEPTION '% were never synced', what USING ERRCODE = 'invalid_parameter_value',
            HINT = 'k8s_coverage has the contexts and resources that were, as they are called here.';
    ELSIF number = cardinality(unknown) THEN
        RAISE EXCEPTION 'how % were at % is not known: %', what, ts, array_to_string(unknown[:10], ', ')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'k8s_coverage says since when, and of what.';
    ELSIF unknown <> '{{}}' THEN
        RAISE WARNING 'left out, as how they were at % is not known: %', ts, array_to_string(unknown[:10], ', ')
            || CASE WHEN cardinality(unknown) > 10 THEN format(' and %s more', cardinality(unknown) - 10) ELSE '' END;
    END IF;
END
$known$
"""

_ROW: Final = """
(context text, resource text, uid text, ts timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET jit = off AS $row$
#variable_conflict use_variable
DECLARE
    own CONSTANT boolean := k8s_row_at.resource = ANY ({own});
    generated CONSTANT jsonb := {generated};
    stamped CONSTANT jsonb := {stamped};
    found jsonb;
    object jsonb;
    past record;
BEGIN
    PERFORM FROM {known}(k8s_row_at.resource, ts, context);
    EXECUTE format(
        'SELECT to_jsonb(it) - ''object'', it.object FROM %I.%I AS it WHERE it.context_name = $1 AND it.uid = $2',
        {schema}, CASE WHEN own THEN 'k8s_' || k8s_row_at.resource ELSE {custom} END
    ) || CASE WHEN own THEN '' ELSE ' AND it.resource = $3' END
    INTO found, object USING context, k8s_row_at.uid, k8s_row_at.resource;
    IF found IS NULL AND NOT EXISTS (
        SELECT FROM {history} AS h
        WHERE h.uid = k8s_row_at.uid AND h.context_name = context AND h.resource = k8s_row_at.resource
    ) THEN
        RAISE EXCEPTION 'no % of context % with the uid % is known, now or before', k8s_row_at.resource, context,
            coalesce(k8s_row_at.uid, 'NULL') USING ERRCODE = 'no_data_found',
            HINT = 'k8s_search finds objects that are there, k8s_changes those that were.';
    END IF;
    WITH later AS MATERIALIZED (
        SELECT h.id, h.change, h.columns, h.patch, h.changed_at FROM {history} AS h
        WHERE h.uid = k8s_row_at.uid AND h.context_name = context AND h.resource = k8s_row_at.resource AND h.at > ts
    ), since AS MATERIALIZED (
        SELECT it.* FROM later AS it
        WHERE it.id <= (
            SELECT coalesce(min(each.id) FILTER (WHERE each.change <> 'updated'), max(each.id)) FROM later AS each
        )
    )
    SELECT
        (SELECT it.change FROM since AS it WHERE it.change <> 'updated') AS edge,
        (
            SELECT jsonb_object_agg(member.key, member.value ORDER BY it.id DESC)
            FROM since AS it CROSS JOIN LATERAL jsonb_each(it.columns) AS member
        ) AS members,
        (
            SELECT jsonb_agg(step.value ORDER BY it.id DESC, step.place)
            FROM since AS it CROSS JOIN LATERAL jsonb_array_elements(it.patch) WITH ORDINALITY AS step (value, place)
        ) AS patch,
        (SELECT it.changed_at FROM since AS it ORDER BY it.id LIMIT 1) AS changed_at
    INTO past;
    IF past.edge IN ('created', 'recreated') OR past.edge IS NULL AND found ->> 'deleted_at' IS NOT NULL THEN
        RETURN NULL;
    ELSIF past.edge IS NOT NULL THEN
        found := '{{}}';
        object := NULL;
    END IF;
    IF past.changed_at IS NOT NULL THEN
        object := {patched}(object, past.patch);
        found := found || coalesce(past.members, '{{}}') || jsonb_build_object(
            'context_name', context, 'uid', k8s_row_at.uid, 'changed_at', past.changed_at, 'deleted_at', NULL
        );
    END IF;
    IF (found ->> 'first_seen_at')::timestamptz > ts THEN
        RETURN NULL;
    END IF;
    RETURN found || jsonb_build_object('object', object) || (
        SELECT coalesce(jsonb_object_agg(it.key, found -> it.value), '{{}}')
        FROM jsonb_each_text(generated -> k8s_row_at.resource) AS it
    ) || (
        SELECT coalesce(jsonb_object_agg(it.name, NULL), '{{}}')
        FROM jsonb_array_elements_text(stamped -> k8s_row_at.resource) AS it (name)
        WHERE (found ->> it.name)::timestamptz > ts
    );
END
$row$
"""

_OBJECT: Final = """
(context text, resource text, uid text, ts timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $object$
SELECT nullif({row}(context, resource, uid, ts) -> 'object', 'null')
$object$
"""

# Of the changes since, those up to the first that the object did not live through: before that one it was as that one
# says, and before the first of them it was not there. Most objects have had none, and their rows are as they are.
#
# PostgreSQL takes a few rows for what comes of the history, and would go through them anew for each row.
_ROWS: Final = """
(ts timestamptz, context text DEFAULT NULL) RETURNS SETOF {table} LANGUAGE plpgsql STABLE ROWS 10000
SET jit = off SET plan_cache_mode = force_custom_plan SET enable_nestloop = off AS $rows$
#variable_conflict use_variable
DECLARE
    contexts text[];
    names text[];
BEGIN
    SELECT array_agg(it.context_name), array_agg(it.resource) INTO contexts, names
    FROM {known}({resource}, ts, context) AS it;
    RETURN QUERY
    WITH past AS MATERIALIZED (
        SELECT h.context_name, h.resource, h.uid, h.id, h.change, h.columns, h.patch, h.changed_at,
            min(h.id) FILTER (WHERE h.change <> 'updated') OVER (PARTITION BY h.context_name, h.resource, h.uid) AS edge
        FROM {history} AS h
        WHERE h.at > ts AND h.context_name = ANY (contexts) AND h.resource = ANY (names) {known_past}
    ), changed AS MATERIALIZED (
        SELECT it.context_name, it.resource, it.uid, min(it.edge) AS edge,
            (array_agg(it.change ORDER BY it.id) FILTER (WHERE it.id = it.edge))[1] AS change,
            array_agg(it.columns ORDER BY it.id DESC) FILTER (WHERE it.columns IS NOT NULL) AS columns,
            array_agg(it.patch ORDER BY it.id DESC) FILTER (WHERE it.patch IS NOT NULL) AS patches,
            (array_agg(it.changed_at ORDER BY it.id))[1] AS changed_at
        FROM past AS it WHERE it.edge IS NULL OR it.id <= it.edge
        GROUP BY it.context_name, it.resource, it.uid
    )
    SELECT {as_is}
    WHERE t.context_name = ANY (contexts) {known_rows} AND t.deleted_at IS NULL AND t.first_seen_at <= ts
        AND NOT EXISTS (
            SELECT FROM changed AS c WHERE c.context_name = t.context_name AND c.uid = t.uid {same_resource}
        )
    UNION ALL
    SELECT was.*
    FROM changed AS c
    LEFT JOIN LATERAL (
        SELECT t, t.object AS its_object FROM {table} AS t
        WHERE c.edge IS NULL AND t.context_name = c.context_name AND t.uid = c.uid {same_resource}
            AND t.deleted_at IS NULL OFFSET 0
    ) AS live ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(CASE WHEN cardinality(c.columns) < 2 THEN c.columns[1] ELSE (
            SELECT jsonb_object_agg(said.key, said.value ORDER BY said.place) FROM (
                SELECT member.*, each.place FROM unnest(c.columns) WITH ORDINALITY AS each (members, place)
                CROSS JOIN LATERAL jsonb_each(each.members) AS member
            ) AS said
        ) END, '{{}}') || jsonb_build_object(
            'context_name', c.context_name, 'uid', c.uid, 'changed_at', c.changed_at, 'deleted_at', NULL
        ) AS members
    ) AS old
    CROSS JOIN LATERAL jsonb_populate_record(
        live.t,
        old.members {derived} || CASE WHEN c.patches IS NULL THEN '{{}}' ELSE jsonb_build_object(
            'object', {patched}(live.its_object, CASE WHEN cardinality(c.patches) < 2 THEN c.patches[1] ELSE (
                SELECT jsonb_agg(step.value ORDER BY each.place, step.place)
                FROM unnest(c.patches) WITH ORDINALITY AS each (patch, place)
                CROSS JOIN LATERAL jsonb_array_elements(each.patch) WITH ORDINALITY AS step (value, place)
            ) END)
        ) END
    ) AS was
    WHERE (c.edge IS NULL AND NOT live.t IS NULL OR c.change IN ('deleted', 'unselected'))
        AND (was.first_seen_at <= ts) IS NOT FALSE;
END
$rows$
"""

_OF_KNOWN: Final = "AND ({0}.context_name, {0}.resource) IN (SELECT * FROM unnest(contexts, names))"
_OWN: Final = list(resources.CATALOGUE)


def functions(schema: str) -> Iterator[Function]:
    """Declare the functions of a schema, but for those `of_tables`."""
    names = _names(schema)
    yield Function(
        name="k8s_patched",
        types="jsonb, jsonb",
        body=sql.SQL(_PATCHED).format(),
        comment="The older object of a newer one and a patch of k8s_history",
    )
    yield Function(
        name="k8s_known_at",
        types="text, timestamptz, text",
        body=sql.SQL(_KNOWN).format(own=sql.Literal(_OWN), **names),
        comment="The contexts of which it is known how a resource was at a time; the others are named in a warning, "
        "and it is an error where it is known of none, or not of the one that was asked for; resource NULL: all "
        "without a table of their own",
    )
    yield Function(
        name="k8s_row_at",
        types="text, text, text, timestamptz",
        body=_row(schema, names),
        comment="The row of an object as it was at a time, as JSON; NULL: it was not there",
    )
    yield Function(
        name="k8s_object_at",
        types="text, text, text, timestamptz",
        body=sql.SQL(_OBJECT).format(**names),
        comment="An object as it was at a time; NULL: it was not there, or objects were not stored",
    )


def of_tables(schema: str) -> Iterator[Function]:
    """Declare a function of each table, which PostgreSQL does not drop below it."""
    names = _names(schema)
    for table in resources.TABLES:
        yield Function(
            name=_named(table),
            types="timestamptz, text",
            body=_rows(schema, table, names),
            comment=f"The rows of {table.name} as they were at a time, of all contexts or of one",
        )


def _names(schema: str) -> dict[str, sql.Identifier]:
    names = {"history": "history", "kept": "history_kept", "scopes": "scopes"}
    names |= {"patched": "patched", "known": "known_at", "row": "row_at"}
    return {name: sql.Identifier(schema, f"k8s_{text}") for name, text in names.items()}


def _named(table: Table) -> LiteralString:
    return f"{table.name}_at"


def _row(schema: str, names: Mapping[str, sql.Composable]) -> sql.Composed:
    tables = {definition.name: definition.table for definition in resources.CATALOGUE.values()}
    generated = {name: {c.name: c.generated for c in table.columns if c.generated} for name, table in tables.items()}
    stamped = {name: [column.name for column in table.columns if column.stamped] for name, table in tables.items()}
    return sql.SQL(_ROW).format(
        own=sql.Literal(_OWN),
        schema=sql.Literal(schema),
        custom=sql.Literal(custom.TABLE.name),
        generated=_json({name: columns for name, columns in generated.items() if columns}),
        stamped=_json({name: columns for name, columns in stamped.items() if columns}),
        **names,
    )


def _json(value: object) -> sql.Literal:
    return sql.Literal(msgspec.json.encode(value).decode())


def _rows(schema: str, table: Table, names: Mapping[str, sql.Composable]) -> sql.Composed:
    definition = resources.BY_TABLE.get(table.name)
    of_many = definition is None
    return sql.SQL(_ROWS).format(
        table=sql.Identifier(schema, table.name),
        resource=sql.Literal(definition.name) if definition else sql.SQL("NULL"),
        known_past=sql.SQL(_OF_KNOWN).format(sql.SQL("h")) if of_many else sql.SQL(""),
        known_rows=sql.SQL(_OF_KNOWN).format(sql.SQL("t")) if of_many else sql.SQL(""),
        same_resource=sql.SQL("AND t.resource = c.resource" if of_many else ""),
        as_is=_as_is(sql.Identifier(schema, table.name), table),
        derived=sql.SQL(" ").join(_derived(table)),
        **names,
    )


_STAMPED: Final = """
shown.* FROM {table} AS t
CROSS JOIN LATERAL jsonb_populate_record(t, (
    SELECT jsonb_object_agg(it.key, CASE WHEN it.value::timestamptz <= ts THEN it.value END)
    FROM jsonb_each_text(jsonb_build_object({columns})) AS it
)) AS shown
"""


def _as_is(name: sql.Identifier, table: Table) -> sql.Composed:
    """Compose how a row is shown that has not changed since: without the times of later syncs."""
    stamped = [column.name for column in table.columns if column.stamped]
    if not stamped:
        return sql.SQL("t.* FROM {} AS t").format(name)
    columns = sql.SQL(", ").join(
        sql.SQL("{}, t.{}").format(sql.Literal(column), sql.Identifier(column)) for column in stamped
    )
    return sql.SQL(_STAMPED).format(table=name, columns=columns)


def _derived(table: Table) -> Iterator[sql.Composed]:
    """Compose the values of the columns that no sync writes of an object, from those of the others."""
    for column in table.columns:
        name = sql.Literal(column.name)
        if column.generated:
            yield sql.SQL("|| jsonb_build_object({}, old.members -> {})").format(name, sql.Literal(column.generated))
        elif column.stamped:
            yield sql.SQL(
                "|| jsonb_build_object({0}, CASE WHEN (old.members ->> {0})::timestamptz <= ts"
                " THEN old.members -> {0} END)"
            ).format(name)
