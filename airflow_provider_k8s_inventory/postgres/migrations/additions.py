"""Find what people have added to our tables that a sync cannot live with; whatever else they add is theirs.

Triggers that leave rows out are found by the sync itself, in `diff`: nobody can tell from outside what one does.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import DatabaseError

_QUERIES: Final[tuple[LiteralString, ...]] = (
    # Not those of partitions, which repeat that of their table.
    "SELECT format('the foreign key %%s of %%s holds rows of %%s whose objects are gone: let it be ON DELETE CASCADE"
    ", SET NULL or SET DEFAULT', f.conname, f.conrelid::regclass, ours)"
    " FROM pg_constraint AS f JOIN unnest(%(ours)s::text[]) AS ours ON f.confrelid = to_regclass(ours)"
    " WHERE f.contype = 'f' AND f.confdeltype IN ('a', 'r') AND f.conparentid = 0 ORDER BY 1",
    "SELECT format('the rule %%s rewrites what is done to %%s: drop it, a trigger can do the same', r.rulename, ours)"
    " FROM pg_rewrite AS r JOIN unnest(%(ours)s::text[]) AS ours ON r.ev_class = to_regclass(ours) ORDER BY 1",
    "SELECT format('%%s inherits from %%s, so a sync would see and delete its rows: ALTER TABLE %%s NO INHERIT %%s',"
    " i.inhrelid::regclass, ours, i.inhrelid::regclass, ours)"
    " FROM pg_inherits AS i JOIN unnest(%(ours)s::text[]) AS ours ON i.inhparent = to_regclass(ours)"
    " JOIN pg_class AS c ON c.oid = i.inhparent WHERE c.relkind = 'r' ORDER BY 1",
    "SELECT format('row-level security of %%s applies to %%s, and a sync must see and write every row: let that role"
    " own the table without FORCE ROW LEVEL SECURITY, or give it BYPASSRLS', ours, current_user)"
    " FROM unnest(%(ours)s::text[]) AS ours"
    " WHERE to_regclass(ours) IS NOT NULL AND row_security_active(to_regclass(ours)) ORDER BY 1",
)


def check(cursor: psycopg.Cursor[Any], schema: str) -> None:
    """Make sure that nothing which was added to the tables keeps a sync from its work.

    :param schema: the one that `search_path` is set to.
    :raises DatabaseError: when something does; the message says what, and what to do about it.
    """
    ours = {"ours": [*(table.name for table in resources.TABLES), "k8s_scopes"]}
    found = [row[0] for query in _QUERIES for row in cursor.execute(query, ours).fetchall()]
    if found:
        raise DatabaseError(f"schema {schema}: {'; '.join(found)}; nothing was changed")
