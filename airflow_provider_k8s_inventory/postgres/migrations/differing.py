"""The function that tells how an object differs between two times, leaf by leaf."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from airflow_provider_k8s_inventory.postgres.migrations.function import Function

_DIFF: Final = """
(context text, resource text, uid text, from_ts timestamptz, to_ts timestamptz DEFAULT now())
RETURNS TABLE (path text, old jsonb, new jsonb) LANGUAGE plpgsql STABLE SET jit = off AS $diff$
#variable_conflict use_column
DECLARE
    first jsonb := {row}(context, k8s_diff.resource, k8s_diff.uid, from_ts);
    second jsonb := {row}(context, k8s_diff.resource, k8s_diff.uid, to_ts);
BEGIN
    IF first -> 'object' = 'null' OR second -> 'object' = 'null' THEN
        RAISE NOTICE 'the object was not stored: what differs is told of the columns of its row';
        first := first - 'object';
        second := second - 'object';
    ELSE
        first := first -> 'object';
        second := second -> 'object';
    END IF;
    RETURN QUERY
    WITH RECURSIVE pair AS (
        SELECT ''::text AS path, '{{}}'::text[] AS place, first AS old, second AS new,
            coalesce(first NOT IN ('{{}}', '[]'), false) OR coalesce(second NOT IN ('{{}}', '[]'), false) AS goes_on
        UNION ALL
        SELECT pair.path || below.step, pair.place || below.place, below.old, below.new,
            jsonb_typeof(coalesce(below.old, below.new)) IN ('object', 'array')
                AND jsonb_typeof(coalesce(below.new, below.old)) = jsonb_typeof(coalesce(below.old, below.new))
                AND (coalesce(below.old NOT IN ('{{}}', '[]'), false)
                    OR coalesce(below.new NOT IN ('{{}}', '[]'), false))
        FROM pair
        CROSS JOIN LATERAL (
            SELECT CASE WHEN key !~ '^[A-Za-z_][A-Za-z0-9_-]*$' THEN '[' || to_json(key) || ']'
                    WHEN pair.path = '' THEN key ELSE '.' || key END AS step,
                key AS place, earlier.value AS old, later.value AS new
            FROM jsonb_each(CASE jsonb_typeof(pair.old) WHEN 'object' THEN pair.old END) AS earlier
            FULL JOIN jsonb_each(CASE jsonb_typeof(pair.new) WHEN 'object' THEN pair.new END) AS later USING (key)
            UNION ALL
            SELECT format('[%s]', place - 1), lpad(place::text, 10, '0'), earlier.value, later.value
            FROM jsonb_array_elements(CASE jsonb_typeof(pair.old) WHEN 'array' THEN pair.old END)
                WITH ORDINALITY AS earlier (value, place)
            FULL JOIN jsonb_array_elements(CASE jsonb_typeof(pair.new) WHEN 'array' THEN pair.new END)
                WITH ORDINALITY AS later (value, place) USING (place)
        ) AS below
        WHERE pair.goes_on AND below.old IS DISTINCT FROM below.new
    )
    SELECT pair.path, pair.old, pair.new FROM pair
    WHERE NOT pair.goes_on AND pair.old IS DISTINCT FROM pair.new ORDER BY pair.place COLLATE "C";
END
$diff$
"""


def diff(schema: str) -> Function:
    """Declare the function of a schema; it calls `k8s_row_at`."""
    return Function(
        name="k8s_diff",
        types="text, text, text, timestamptz, timestamptz",
        body=sql.SQL(_DIFF).format(row=sql.Identifier(schema, "k8s_row_at")),
        comment="How an object differs between two times: the path of each leaf that does, its old value and its new "
        "one, NULL where it was not there or is not",
    )
