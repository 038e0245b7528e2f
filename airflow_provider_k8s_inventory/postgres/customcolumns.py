"""The columns of the view of a custom resource: their names, their types, and the expressions of their values.

A value that is not of the type its definition promises is NULL: a view must not fail for one odd object.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.resources.jsonpaths import translate

_SECURITY_INVOKER: Final = 150000
_LONGEST: Final = 63
_COMMENT: Final = 500
"""Characters of a description that are kept."""
_WORDS: Final = re.compile(r"([a-z0-9])([A-Z])")
_ODD: Final = re.compile(r"[^a-z0-9]+")

TEXT: Final = "text"
_TYPES: Final[Mapping[str, LiteralString]] = {
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "date": "timestamp with time zone",
    "date-time": "timestamp with time zone",
}
"""The types of printed columns and of fields, and formats; all others are text."""

# Of CASE PostgreSQL evaluates only the branch that is taken, where AND has no order:
# https://www.postgresql.org/docs/current/sql-expressions.html#SYNTAX-EXPRESS-EVAL
_VALUES: Final[Mapping[str, LiteralString]] = {
    TEXT: "{value} #>> '{{}}'",
    "bigint": (
        "CASE jsonb_typeof({value}) WHEN 'number' THEN"
        " CASE WHEN ({value})::numeric BETWEEN -9223372036854775808 AND 9223372036854775807"
        " THEN trunc(({value})::numeric)::bigint END END"
    ),
    "double precision": (
        "CASE jsonb_typeof({value}) WHEN 'number' THEN"
        " CASE WHEN abs(({value})::numeric) < 1e300 THEN ({value})::numeric::double precision END END"
    ),
    "boolean": "CASE jsonb_typeof({value}) WHEN 'boolean' THEN ({value})::boolean END",
    # The pattern leaves the day alone, which datetime() knows: there is no 30th of February.
    "timestamp with time zone": (
        "CASE WHEN {value} #>> '{{}}' ~"
        " '^(?!0000)\\d{{4}}-\\d\\d-\\d\\d"
        "T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{{1,9}})?(Z|[+-](0\\d|1[0-4]):[0-5]\\d)$'"
        " AND jsonb_path_exists(to_jsonb(left({value} #>> '{{}}', 10)), '$.datetime()', '{{}}', true)"
        " THEN ({value} #>> '{{}}')::timestamp with time zone END"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewColumn:
    """One column of such a view."""

    name: str
    type: str
    comment: str
    paths: tuple[str, ...] = ()
    """Where its value may be, as PostgreSQL's jsonpath, the first one first; none: a column of the table."""


_FIRST: Final = (
    ViewColumn(name="context_name", type=TEXT, comment="The kubeconfig context"),
    ViewColumn(name="cluster_uid", type=TEXT, comment="The cluster: the UID of its kube-system namespace"),
    ViewColumn(name="uid", type=TEXT, comment="metadata.uid"),
    ViewColumn(name="namespace", type=TEXT, comment="metadata.namespace; NULL: it is in none"),
    ViewColumn(name="name", type=TEXT, comment="metadata.name"),
)
_LAST: Final = (
    ViewColumn(name="labels", type="jsonb", comment="metadata.labels"),
    ViewColumn(name="annotations", type="jsonb", comment="metadata.annotations"),
    ViewColumn(name="created_at", type="timestamp with time zone", comment="metadata.creationTimestamp"),
    ViewColumn(name="changed_at", type="timestamp with time zone", comment="When a sync last changed the row"),
    ViewColumn(name="object", type="jsonb", comment="The object; NULL when not stored, and so is what comes of it"),
)


def view_columns(
    definitions: Iterable[tuple[Any, Any]], reserved: Collection[str]
) -> tuple[list[ViewColumn], list[str]]:
    """Choose the columns of the view of a resource.

    :param definitions: of each context ``printer_columns`` and ``fields`` of `k8s_crds`.
    :param reserved: the words that cannot be the name of a column without quotes.
    :returns: the columns, and the printed columns that are left out.
    """
    printed: dict[tuple[str, int], ViewColumn] = {}
    below: dict[str, ViewColumn] = {}
    left_out: list[str] = []
    for printer_columns, fields in definitions:
        times: dict[str, int] = {}
        for column in map(_printed, printer_columns):
            if not column.paths:
                left_out.append(column.name)
                continue
            # Of two columns of one name in a definition each is one of its own.
            times[column.name] = times.get(column.name, 0) + 1
            _merge(printed, (column.name, times[column.name]), column)
        for part in ("spec", "status"):
            for key, schema in fields[part].items():
                _merge(below, f"{part}.{key}", _field(part, key, schema))
    taken = {column.name for column in (*_FIRST, *_LAST)} | set(reserved)
    own = [_named(column, taken) for column in (*printed.values(), *below.values())]
    return [*_FIRST, *own, *_LAST], list(dict.fromkeys(left_out))


def _merge(columns: dict[Any, ViewColumn], key: Any, column: ViewColumn) -> None:
    """Add a column of one context to those of others: of two types it is text, of two paths the first that is there."""
    before = columns.setdefault(key, column)
    type_ = before.type if before.type == column.type else TEXT
    columns[key] = replace(before, type=type_, paths=tuple(dict.fromkeys((*before.paths, *column.paths))))


def _printed(written: Mapping[str, Any]) -> ViewColumn:
    name, path = written.get("name", ""), written.get("jsonPath", "")
    translated = translate(path)
    return ViewColumn(
        name=name,
        type=_TYPES.get(written.get("type", ""), TEXT),
        comment=_comment(path, written.get("description", "")),
        paths=(translated,) if translated else (),
    )


def _field(part: str, key: str, schema: Mapping[str, Any]) -> ViewColumn:
    type_ = _TYPES.get(schema.get("format", ""), _TYPES.get(schema["type"], TEXT))
    path = translate(f".{part}['{_escaped(key)}']")
    return ViewColumn(name=f"{part}_{key}", type=type_, comment=f"{part}.{key}", paths=(path,) if path else ())


def _escaped(key: str) -> str:
    return re.sub(r"(['\\])", r"\\\1", key)


def _comment(path: str, description: str) -> str:
    about = " ".join(description.split())
    about = f"{about[:_COMMENT]}…" if len(about) > _COMMENT else about
    return f"{path}: {about}" if about else path


def _named(column: ViewColumn, taken: set[str]) -> ViewColumn:
    """Give a column a name that SQL needs no quotes for, and no other column has."""
    name = _ODD.sub("_", _WORDS.sub(r"\1_\2", column.name).lower()).strip("_") or "value"
    name = f"_{name}" if name[0].isdigit() else name
    chosen, number = name[:_LONGEST], 1
    while chosen in taken:
        number += 1
        ending = f"_{number}"
        chosen = name[: _LONGEST - len(ending)] + ending
    taken.add(chosen)
    return replace(column, name=chosen)


def compose(
    cursor: psycopg.Cursor[Any],
    name: sql.Composable,
    table: sql.Composable,
    resource: str,
    columns: Sequence[ViewColumn],
) -> sql.Composed:
    """Compose the statement that makes or replaces a view.

    :param table: the table of custom resources.
    """
    invoker = cursor.connection.info.server_version >= _SECURITY_INVOKER
    return sql.SQL(
        "CREATE OR REPLACE VIEW {} {} AS SELECT {} FROM {} WHERE resource = {} AND deleted_at IS NULL"
    ).format(
        name,
        sql.SQL("WITH (security_invoker = true)" if invoker else ""),
        sql.SQL(", ").join(_expression(column) for column in columns),
        table,
        sql.Literal(resource),
    )


def _expression(column: ViewColumn) -> sql.Composed:
    if not column.paths:
        return sql.SQL("{}").format(sql.Identifier(column.name))
    first = sql.SQL(", ").join(
        sql.SQL("jsonb_path_query_first(object, {}, '{{}}', true)").format(sql.Literal(path)) for path in column.paths
    )
    value = sql.SQL("coalesce({})" if len(column.paths) > 1 else "{}").format(first)
    return sql.SQL("{} AS {}").format(sql.SQL(_VALUES[column.type]).format(value=value), sql.Identifier(column.name))
