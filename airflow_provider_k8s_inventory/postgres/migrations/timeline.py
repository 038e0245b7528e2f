"""The function that tells what happened to an object of a name, to its owners, and to what it owns."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from airflow_provider_k8s_inventory.postgres.migrations.function import Function

# What a namespaced object owns is in its namespace: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
_TIMELINE: Final = """
(context text, of_resource text, in_namespace text, of_name text) RETURNS TABLE (
    id bigint, after timestamptz, not_later_than timestamptz, whose text, resource text, namespace text, name text,
    uid text, change text, summary text, changed_by text
) LANGUAGE plpgsql STABLE SET jit = off AS $timeline$
#variable_conflict use_column
DECLARE
    own text[];
    owners text[] := '{{}}';
    owned text[] := '{{}}';
    found text[];
BEGIN
    SELECT array_agg(it.uid) INTO own FROM (
        SELECT h.uid FROM {history} AS h
        WHERE h.context_name = context AND h.resource = of_resource AND h.name = of_name
            AND h.namespace IS NOT DISTINCT FROM in_namespace
        UNION
        SELECT o.uid FROM {objects} AS o
        WHERE o.context_name = context AND o.resource = of_resource AND o.name = of_name
            AND o.namespace IS NOT DISTINCT FROM in_namespace
    ) AS it;
    IF own IS NULL THEN
        RAISE EXCEPTION 'no % % is known in context %, now or before', of_resource,
            concat_ws('/', in_namespace, of_name), context USING ERRCODE = 'no_data_found',
            HINT = 'k8s_search finds objects that are there, k8s_changes those that were.';
    END IF;
    found := own;
    LOOP
        SELECT array_agg(it.owner_uid) INTO found FROM (
            SELECT o.owner_uid FROM {objects} AS o WHERE o.context_name = context AND o.uid = ANY (found)
            UNION
            SELECT h.columns ->> 'owner_uid' FROM {history} AS h WHERE h.context_name = context AND h.uid = ANY (found)
        ) AS it WHERE it.owner_uid <> ALL (own || owners);
        EXIT WHEN found IS NULL;
        owners := owners || found;
    END LOOP;
    found := own;
    LOOP
        SELECT array_agg(it.uid) INTO found FROM (
            SELECT o.uid FROM {objects} AS o
            WHERE o.context_name = context AND (in_namespace IS NULL OR o.namespace = in_namespace)
                AND o.owner_uid = ANY (found)
            UNION
            SELECT h.uid FROM {history} AS h
            WHERE h.context_name = context AND h.change IN ('deleted', 'unselected')
                AND h.columns ->> 'owner_uid' = ANY (found)
        ) AS it WHERE it.uid <> ALL (own || owners || owned);
        EXIT WHEN found IS NULL;
        owned := owned || found;
    END LOOP;
    RETURN QUERY
    SELECT h.id, h.before_at, h.at,
        CASE WHEN h.uid = ANY (own) THEN 'its own' WHEN h.uid = ANY (owners) THEN 'an owner''s' ELSE 'a child''s' END,
        h.resource, h.namespace, h.name, h.uid, h.change, h.summary, h.changed_by
    FROM {history} AS h WHERE h.context_name = context AND h.uid = ANY (own || owners || owned) ORDER BY h.id DESC;
END
$timeline$
"""


def timeline(schema: str) -> Function:
    """Declare the function of a schema; it reads `k8s_objects`."""
    return Function(
        name="k8s_timeline",
        types="text, text, text, text",
        body=sql.SQL(_TIMELINE).format(
            history=sql.Identifier(schema, "k8s_history"), objects=sql.Identifier(schema, "k8s_objects")
        ),
        comment="The changes of an object by context, resource, namespace and name, of those that had the name before, "
        "of its owners up to the root, and of what it owns down to the last; newest first",
    )
