"""Compare the tables that are there with the declared ones, and say what would make them the same.

Running it, or refusing to, is up to the package's `migrate`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import Column, Table
from airflow_provider_k8s_inventory.postgres import storage
from airflow_provider_k8s_inventory.resources import custom

_NOT_NULL: Final = frozenset({"context_name", "uid", "labels", "annotations", "first_seen_at", "changed_at"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One step towards the declared tables."""

    name: str
    """Its name in the record; for example ``"table k8s_pods"``."""
    statements: list[sql.Composed]
    destroys: str | None = None
    """The data that would be lost; None: none."""

    @property
    def sql(self) -> list[str]:
        """The statements as text."""
        return [statement.as_string(None) for statement in self.statements]

    def is_done(self, cursor: psycopg.Cursor[Any]) -> bool:
        """Tell if the last step of this name was done by the same statements."""
        if cursor.execute("SELECT to_regclass('k8s_migrations')").fetchone() == (None,):
            return False
        cursor.execute("SELECT statements FROM k8s_migrations WHERE name = %s ORDER BY id DESC LIMIT 1", [self.name])
        return cursor.fetchone() == ([statement.as_string(cursor) for statement in self.statements],)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    """Facts about the database that tables depend on."""

    compressed: bool
    """True where objects are compressed by lz4."""
    held: Collection[str]
    """The columns of the table of many resources, from which rows may have to move; none when there is none."""
    trigrams: str | None
    """The schema of the extension pg_trgm, whose indexes find parts of names; None: it is not installed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A column that is there."""

    type: str
    required: bool
    """Whether it needs a value: a row that gives none is refused."""
    generated: bool
    comment: str | None
    storage: str
    """How its values are stored, as pg_attribute says it."""


def changes(cursor: psycopg.Cursor[Any], schema: str) -> list[Change]:
    """List the steps that make the tables of a schema the declared ones."""
    facts = _Facts(compressed=storage.has_lz4(cursor), held=_held(cursor, schema), trigrams=_trigrams(cursor))
    return [change for table in resources.TABLES for change in _table(cursor, schema, table, facts)]


def _table(cursor: psycopg.Cursor[Any], schema: str, table: Table, facts: _Facts) -> Iterator[Change]:
    name = sql.Identifier(schema, table.name)
    label = f"table {table.name}"
    key, columns = _look(cursor, name)
    if not columns:
        yield Change(name=label, statements=[*_create(schema, table, facts), *_moved(schema, table, facts.held)])
    elif foreign := _foreign(table, key, columns):
        yield Change(
            name=label,
            statements=[sql.SQL("DROP TABLE {}").format(name), *_create(schema, table, facts)],
            destroys=f"all rows of {table.name}, {foreign}",
        )
    else:
        yield from _columns(schema, table, columns)
        yield from _missing_indexes(cursor, name, table, facts)
        # Only the default is changed: whoever chose something else may keep it.
        if not facts.compressed and "object" in columns and columns["object"].storage == storage.EXTENDED:
            yield Change(name=f"{label}.object", statements=[storage.uncompressed(name)])


_Kind = tuple[str, tuple[str, ...], str | None, bool]
"""The access method of an index, its columns, their operator class if it is not that of their types, and whether it
has a condition."""
_TRIGRAMS: Final = "gin_trgm_ops"


def _indexes(name: sql.Identifier, table: Table, facts: _Facts) -> dict[_Kind, sql.Composed]:
    """Compose the statements that make the indexes of a table, each by what tells it from others."""
    found = {
        (index.method, index.columns, index.operators, index.where is not None): sql.SQL(
            "CREATE INDEX ON {} USING {} ({}){}"
        ).format(
            name,
            sql.SQL(index.method),
            sql.SQL(", ").join(
                sql.Identifier(column) + sql.SQL(f" {index.operators}" if index.operators else "")
                for column in index.columns
            ),
            sql.SQL(" WHERE " + index.where if index.where else ""),
        )
        for index in table.indexes
    }
    if facts.trigrams:
        found["gin", ("name",), _TRIGRAMS, False] = sql.SQL("CREATE INDEX ON {} USING gin (name {})").format(
            name, sql.Identifier(facts.trigrams, _TRIGRAMS)
        )
    return found


def _trigrams(cursor: psycopg.Cursor[Any]) -> str | None:
    cursor.execute(
        "SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n"
        " ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'"
    )
    row = cursor.fetchone()
    return row[0] if row else None


def _missing_indexes(
    cursor: psycopg.Cursor[Any], name: sql.Identifier, table: Table, facts: _Facts
) -> Iterator[Change]:
    """Make the indexes that are missing; one that is there under another name, or for other reasons, will do."""
    # From the catalog, as pg_get_indexdef would wait for whoever holds the table.
    cursor.execute(
        "SELECT a.amname, ARRAY(SELECT at.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)"
        " JOIN pg_attribute AS at ON at.attrelid = i.indrelid AND at.attnum = k.attnum"
        " WHERE k.place <= i.indnkeyatts ORDER BY k.place),"
        " (SELECT string_agg(DISTINCT opcname, ' ') FROM pg_opclass WHERE oid = ANY (i.indclass) AND NOT opcdefault),"
        " i.indpred IS NOT NULL"
        " FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam"
        " WHERE i.indrelid = to_regclass(%s) AND i.indisvalid AND i.indexprs IS NULL",
        [name.as_string(cursor)],
    )
    found = {(method, tuple(columns), *others) for method, columns, *others in cursor.fetchall()}
    missing = [statement for kind, statement in _indexes(name, table, facts).items() if kind not in found]
    if missing:
        yield Change(name=f"indexes of {table.name}", statements=missing)


def _held(cursor: psycopg.Cursor[Any], schema: str) -> Collection[str]:
    """List the columns of the table of many resources, from which rows may have to move; none when there is none."""
    key, columns = _look(cursor, sql.Identifier(schema, custom.TABLE.name))
    return () if not columns or _foreign(custom.TABLE, key, columns) else columns


def _moved(schema: str, table: Table, held: Collection[str]) -> Iterator[sql.Composed]:
    """Move the rows of a resource that had no table of its own; the next sync fills its own columns.

    :param held: the columns that the rows have; an older table may lack some.
    """
    definition = resources.BY_TABLE.get(table.name)
    if definition is None or not held:
        return
    shared = [column.name for column in table.columns if column in custom.TABLE.columns and column.name in held]
    columns = sql.SQL(", ").join(map(sql.Identifier, shared))
    known = {"columns": columns, "full": sql.Literal(definition.resource.name), "name": sql.Literal(definition.name)}
    names = {
        "table": sql.Identifier(schema, table.name),
        "custom": sql.Identifier(schema, custom.TABLE.name),
        "scopes": sql.Identifier(schema, "k8s_scopes"),
    }
    for statement in (
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM {custom} WHERE resource = {full}",
        "DELETE FROM {custom} WHERE resource = {full}",
        "UPDATE {scopes} SET resource = {name}, row_format = 'another table' WHERE resource = {full}",
    ):
        yield sql.SQL(statement).format(**known, **names)


def _foreign(table: Table, key: list[str], columns: Iterable[str]) -> str | None:
    """Give the reason why the table cannot be one that this package made; None: it can be."""
    if key != list(table.key):
        return f"whose key is ({', '.join(key)}) and not ({', '.join(table.key)})"
    lacking = sorted(_NOT_NULL.difference(columns))
    return f"which lacks {', '.join(lacking)}" if lacking else None


def _look(cursor: psycopg.Cursor[Any], name: sql.Identifier) -> tuple[list[str], dict[str, _Found]]:
    """Read the primary key and the columns of a table; both are empty when there is none."""
    regclass = name.as_string(cursor)
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull AND NOT atthasdef AND attidentity = '',"
        " attgenerated <> '', col_description(attrelid, attnum), attstorage::text FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        [regclass],
    )
    columns = {
        row[0]: _Found(type=row[1], required=row[2], generated=row[3], comment=row[4], storage=row[5])
        for row in cursor.fetchall()
    }
    cursor.execute(
        "SELECT a.attname FROM pg_index AS i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)"
        " JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " WHERE i.indrelid = to_regclass(%s) AND i.indisprimary ORDER BY k.place",
        [regclass],
    )
    return [row[0] for row in cursor.fetchall()], columns


def _create(schema: str, table: Table, facts: _Facts) -> Iterator[sql.Composed]:
    name = sql.Identifier(schema, table.name)
    yield sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({}))").format(
        name,
        sql.SQL(", ").join(_column(column) for column in table.columns),
        sql.SQL(", ").join(map(sql.Identifier, table.key)),
    )
    if not facts.compressed:
        yield storage.uncompressed(name)
    yield from _indexes(name, table, facts).values()
    yield sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(table.comment))
    for column in table.columns:
        yield _comment(name, column)


def _column(column: Column) -> sql.Composed:
    generated = sql.SQL(" GENERATED ALWAYS AS ({}) STORED")
    return sql.SQL("{} {}{}{}").format(
        sql.Identifier(column.name),
        sql.SQL(column.type),
        sql.SQL(" NOT NULL" if column.name in _NOT_NULL else ""),
        generated.format(sql.Identifier(column.generated)) if column.generated else sql.SQL(""),
    )


def _comment(name: sql.Identifier, column: Column) -> sql.Composed:
    return sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
        name, sql.Identifier(column.name), sql.Literal(column.comment)
    )


def _columns(schema: str, table: Table, found: dict[str, _Found]) -> Iterator[Change]:
    name, label = sql.Identifier(schema, table.name), f"table {table.name}"
    additions = [column for column in table.columns if column.name not in found]
    statements = [sql.SQL("ALTER TABLE {} ADD COLUMN {}").format(name, _column(column)) for column in additions]
    statements += [
        # What PostgreSQL kept up and we write now keeps its values.
        sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP EXPRESSION").format(name, sql.Identifier(column.name))
        for column in table.columns
        if column.name in found and found[column.name].generated and not column.generated
    ]
    statements += [
        _comment(name, column)
        for column in table.columns
        if column in additions or found[column.name].comment != column.comment
    ]
    if additions:
        statements.append(_read_whole(schema, table))
    if statements:
        yield Change(name=label, statements=statements)
    for column in table.columns:
        if column.name in found and found[column.name].type != column.type:
            yield Change(
                name=f"{label}.{column.name}",
                statements=[
                    sql.SQL("ALTER TABLE {0} ALTER COLUMN {1} TYPE {2} USING {1}::{2}").format(
                        name, sql.Identifier(column.name), sql.SQL(column.type)
                    )
                ],
                destroys=f"values of {table.name}.{column.name} that {found[column.name].type} can hold "
                f"and {column.type} cannot",
            )
    yield from _unfilled(name, table, found)


def _read_whole(schema: str, table: Table) -> sql.Composed:
    """Let the next sync of each scope read it whole: its rows have no value in a new column, though nothing changed."""
    definition = resources.BY_TABLE.get(table.name)
    return sql.SQL("UPDATE {scopes} SET row_format = 'an older table' WHERE {which}").format(
        scopes=sql.Identifier(schema, "k8s_scopes"),
        which=sql.SQL("resource = {}").format(sql.Literal(definition.name))
        if definition
        else sql.SQL("resource <> ALL({})").format(sql.Literal(list(resources.CATALOGUE))),
    )


def _unfilled(name: sql.Identifier, table: Table, found: dict[str, _Found]) -> Iterator[Change]:
    """Release the columns that must have a value, and that we do not always give one."""
    filled = _NOT_NULL | set(table.key)
    for column, facts in found.items():
        if column not in filled and facts.required:
            yield Change(
                name=f"table {table.name}.{column}",
                statements=[
                    sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL").format(name, sql.Identifier(column))
                ],
                destroys=f"the NOT NULL of {table.name}.{column}, which this package does not always fill",
            )
