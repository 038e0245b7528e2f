"""The schema reference, `docs/schema.md`, of a schema as `migrate` makes it: ``python -m tests.schema_reference``.

The declarations become the comments of tables, columns and views, so the reference is read from PostgreSQL's
catalogue.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from k8s_inventory_demo.postgres.server import PostgresServer

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.postgres.migrations import migrate
from airflow_provider_k8s_inventory.resources.shared import SHARED_NAMES

FILE: Final = Path(__file__).parents[1] / "docs" / "schema.md"

_HEAD: Final = """\
# The schema

`python -m tests.schema_reference` writes this page from a schema as the migrate task makes it. Tables and columns are a
promise to those who query them: they may be added; a change or removal is in the [changelog](../CHANGELOG.md).

Times are `timestamptz`. A row is of one object, and its key is `(context_name, uid)`; in `k8s_custom_resources`, which
holds every resource without a table of its own, also `resource`.
"""

_COLUMNS: Final = """
SELECT c.relname, c.relkind = 'v', obj_description(c.oid), a.attname, format_type(a.atttypid, a.atttypmod),
    col_description(c.oid, a.attnum)
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""

_FUNCTIONS: Final = """
SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid), obj_description(oid)
FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype
    AND proname <> ALL (%s) ORDER BY proname
"""


class Column(NamedTuple):
    """A column of a table or view, as PostgreSQL knows it."""

    relation: str
    is_view: bool
    relation_comment: str
    name: str
    type: str
    comment: str | None


def reference(conn: psycopg.Connection) -> str:
    """Write the reference.

    :param conn: a database that is migrated and holds nothing else.
    """
    relations: dict[str, list[Column]] = {}
    for row in conn.execute(_COLUMNS):
        relations.setdefault(row[0], []).append(Column(*row))
    kept = [table.name for table in resources.TABLES]
    views = [name for name, columns in relations.items() if columns[0].is_view]
    states = ["k8s_scopes", "k8s_syncs", "k8s_history", "k8s_history_kept"]
    others = sorted(set(relations) - {*kept, *views, *states})
    shared = [column for column in relations[kept[1]] if column.name in {*SHARED_NAMES, "object"}]
    parts = [_HEAD, "\n## Columns of every resource\n\n", *_table(shared)]
    for title, names in (
        ("Resources", kept),
        ("Views", views),
        ("Scopes, ledger and history", states),
        ("Migrations", others),
    ):
        parts.append(f"\n## {title}\n")
        for name in names:
            columns = relations[name]
            own = [each for each in columns if name not in kept or each.name not in {each.name for each in shared}]
            parts += [f"\n### {name}\n\n{columns[0].relation_comment}.\n\n", *_table(own)]
    return "".join([*parts, "\n## Functions\n\n", *_functions(conn, kept)])


def _table(columns: Iterable[Column]) -> Iterator[str]:
    yield "| Column | Type | |\n|---|---|---|\n"
    for column in columns:
        comment = (column.comment or "").replace("|", "\\|")
        yield f"| `{column.name}` | `{_short(column.type)}` | {comment} |\n"


def _functions(conn: psycopg.Connection, tables: Iterable[str]) -> Iterator[str]:
    """Write what the functions take and give; of those that give the rows of a table, one for all."""
    of_tables = [f"{name}_at" for name in tables if name != "k8s_pods"]
    yield "`k8s_pods_at` is one of many: every table of a resource has such a function.\n\n"
    yield "| Function | Gives | |\n|---|---|---|\n"
    for name, arguments, result, comment in conn.execute(_FUNCTIONS, [of_tables]):
        yield f"| `{_short(name)}({_short(arguments)})` | `{_short(result)}` | {comment} |\n"


def _short(type_: str) -> str:
    return type_.replace("timestamp with time zone", "timestamptz")


def main() -> None:
    """Write the file."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PostgresServer(Path(folder) / "pg") as server,
        psycopg.connect(server.create_database("reference"), autocommit=True) as conn,
    ):
        migrate(conn)
        FILE.write_text(reference(conn))


if __name__ == "__main__":
    main()
