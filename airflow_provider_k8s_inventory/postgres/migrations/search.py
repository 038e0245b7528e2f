"""The function that finds objects by what a person knows of them, over all tables and contexts."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from airflow_provider_k8s_inventory.postgres.migrations.function import Function

_COMMENT: Final = (
    "Objects by uid, name, part of a name, owner (KIND/NAME) or label (KEY=VALUE), over all tables and contexts: those "
    "that have the uid or name exactly, then those whose names begin so, then the others, each by name; the first 50, "
    "or as many as are asked for"
)
# Names first, which an index has: the rows are 20 times as large. That index has them in the order of bytes: to find
# the beginning of a name reads no more than is found, and to find another part at most all names, 0.3 s of a million.
# Trigrams find a part that few names have in 0.03 s; of one that many have, they take longer than that index.
#
# Compiling a query over 61 tables takes PostgreSQL longer than running it: 0.7 of 0.9 s, of a million pods. And only
# where it plans with the values does it know how a name begins; that takes 5 ms.
_BODY: Final = """
(what text, most integer DEFAULT 50) RETURNS TABLE (
    context_name text, resource text, namespace text, name text, uid text, owner_kind text, owner_name text,
    created_at timestamptz, changed_at timestamptz, deleted_at timestamptz
) LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS $search$
#variable_conflict use_column
DECLARE
    beginning text := regexp_replace(what, '([\\\\%_])', '\\\\\\1', 'g') || '%';
    part text := '%' || beginning;
    few integer := 20000;
    rest bigint := most;
    found bigint;
    names text[];
BEGIN
    IF strpos(what, '=') > 0 THEN
        RETURN QUERY SELECT {columns} FROM {objects} AS it
            WHERE it.labels @> jsonb_build_object(split_part(what, '=', 1), substr(what, strpos(what, '=') + 1))
            ORDER BY it.name, it.context_name LIMIT most;
        RETURN;
    ELSIF strpos(what, '/') > 0 THEN
        RETURN QUERY SELECT {columns} FROM {objects} AS it
            WHERE it.owner_name = substr(what, strpos(what, '/') + 1)
                AND lower(it.owner_kind) = lower(split_part(what, '/', 1))
            ORDER BY it.name, it.context_name LIMIT most;
        RETURN;
    END IF;
    RETURN QUERY SELECT {columns} FROM {objects} AS it WHERE it.name = what OR it.uid = what
        ORDER BY it.name, it.context_name LIMIT rest;
    GET DIAGNOSTICS found = ROW_COUNT;
    rest := rest - found;
    IF rest <= 0 OR found > 0 AND what ~ '^[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}$' THEN
        RETURN;
    END IF;
    names := ARRAY(
        SELECT it.name FROM {objects} AS it WHERE it.name LIKE beginning AND it.name <> what
        ORDER BY it.name USING ~<~ LIMIT rest
    );
    RETURN QUERY SELECT {columns} FROM {objects} AS it WHERE it.name = ANY (names)
        ORDER BY it.name COLLATE "C", it.context_name LIMIT rest;
    GET DIAGNOSTICS found = ROW_COUNT;
    rest := rest - found;
    IF rest <= 0 THEN
        RETURN;
    END IF;
    names := NULL;
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_trgm') THEN
        names := ARRAY(SELECT it.name FROM {objects} AS it WHERE it.name LIKE part LIMIT few);
    END IF;
    IF cardinality(names) < few THEN
        names := ARRAY(
            SELECT each.name FROM unnest(names) AS each (name) WHERE each.name NOT LIKE beginning
            ORDER BY each.name USING ~<~ LIMIT rest
        );
    ELSE
        names := ARRAY(
            SELECT it.name FROM {objects} AS it WHERE it.name LIKE part AND it.name NOT LIKE beginning
            ORDER BY it.name USING ~<~ LIMIT rest
        );
    END IF;
    RETURN QUERY SELECT {columns} FROM {objects} AS it WHERE it.name = ANY (names)
        ORDER BY it.name COLLATE "C", it.context_name LIMIT rest;
END
$search$
"""
_COLUMNS: Final = (
    "it.context_name, it.resource, it.namespace, it.name, it.uid, it.owner_kind, it.owner_name, it.created_at, "
    "it.changed_at, it.deleted_at"
)


def search(schema: str) -> Function:
    """Declare the function of a schema; it reads `k8s_objects`."""
    return Function(
        name="k8s_search",
        types="text, integer",
        body=sql.SQL(_BODY).format(objects=sql.Identifier(schema, "k8s_objects"), columns=sql.SQL(_COLUMNS)),
        comment=_COMMENT,
    )
