"""The view that follows owners up to the root, over all tables."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from airflow_provider_k8s_inventory.postgres.migrations.view import View

# LATERAL starts at each row that is asked for: a WHERE on context_name and uid reads a few rows by their keys, and a
# recursion over all objects would be finished before it is filtered.
_OWNER_TREE: Final = """
SELECT it.context_name, it.resource, it.namespace, it.name, it.uid, above.depth, above.owner_kind, above.owner_name,
    above.owner_uid, above.is_root
FROM {objects} AS it
CROSS JOIN LATERAL (
    WITH RECURSIVE chain AS (
        SELECT 1 AS depth, it.owner_kind AS owner_kind, it.owner_name AS owner_name, it.owner_uid AS owner_uid,
            ARRAY[it.uid] AS passed
        UNION ALL
        SELECT chain.depth + 1, next.owner_kind, next.owner_name, next.owner_uid, chain.passed || chain.owner_uid
        FROM chain
        CROSS JOIN LATERAL (
            -- One object may be served as two resources, with the same owner.
            SELECT found.owner_kind, found.owner_name, found.owner_uid FROM {objects} AS found
            WHERE found.context_name = it.context_name AND found.uid = chain.owner_uid AND found.deleted_at IS NULL
            LIMIT 1
        ) AS next
        WHERE next.owner_uid <> chain.owner_uid AND next.owner_uid <> ALL (chain.passed)
    )
    SELECT depth, owner_kind, owner_name, owner_uid, depth = max(depth) OVER () AS is_root FROM chain
) AS above
WHERE it.owner_uid IS NOT NULL AND it.deleted_at IS NULL
"""


def owner_tree(schema: str) -> View:
    """Declare the view of a schema; it shows `k8s_objects`."""
    return View(
        name="k8s_owner_tree",
        query=sql.SQL(_OWNER_TREE).format(objects=sql.Identifier(schema, "k8s_objects")),
        comment="The owners of each object up to the root; fast where context_name and uid are given",
        columns={
            "context_name": "The kubeconfig context",
            "resource": "The resource",
            "namespace": "The namespace",
            "name": "The name",
            "uid": "The UID",
            "depth": "How many levels above the object this owner is: 1 is its controller",
            "owner_kind": "The kind of the owner",
            "owner_name": "The name of the owner",
            "owner_uid": "The UID of the owner",
            "is_root": "Whether it is the last one known: it has no owner, was not synced, or its owners go round",
        },
    )
