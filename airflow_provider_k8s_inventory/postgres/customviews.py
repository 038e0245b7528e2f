"""Keep a view for each custom resource, in step with its definitions in all contexts.

`k8s_cr_certificates_cert_manager_io` shows what kubectl prints of a certificate, and the scalar fields right below
spec and status, as typed columns over `k8s_custom_resources`. The comment of a view says which resource it is of, and
by a digest which definitions it was made of, so that nothing else must be kept of it. How its query is composed is in
`customcolumns`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import psycopg
from psycopg import errors, sql

from airflow_provider_k8s_inventory.postgres import explaining, locking
from airflow_provider_k8s_inventory.postgres.customcolumns import ViewColumn, compose, view_columns
from airflow_provider_k8s_inventory.resources import custom

_PREFIX: Final = "k8s_cr_"
_LONGEST: Final = 63
"""PostgreSQL cuts longer names: NAMEDATALEN."""
_MAKER: Final = "1"
"""Part of each digest: another one makes all views anew."""
_SHOWN: Final = 3
_MAY_NOT: Final = (
    "the views of custom resources are not in step, as this role may not create in schema {schema}: grant it CREATE, "
    "or let the owner of the views migrate"
)

_MADE: Final = """
SELECT c.oid, c.relname, m[1], m[2]
FROM pg_catalog.pg_class AS c
CROSS JOIN LATERAL regexp_match(obj_description(c.oid, 'pg_class'), '^Objects of (\\S+) .*\\[([0-9a-f]{{32}})\\]$') AS m
WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s)) AND c.relkind = 'v' AND m IS NOT NULL
    AND starts_with(c.relname, %(prefix)s)
"""
# Contexts that define a resource alike count as one.
_DEFINED: Final = """
SELECT name, md5(%(maker)s || string_agg(DISTINCT md5(concat(kind, printer_columns::text, fields::text)), ','))
FROM {crds}
WHERE deleted_at IS NULL AND printer_columns IS NOT NULL AND fields IS NOT NULL AND name IS NOT NULL
    AND (%(context_name)s::text IS NULL OR name IN (SELECT name FROM {crds} WHERE context_name = %(context_name)s))
GROUP BY name
"""
_GONE: Final = """
SELECT made.name FROM unnest(%(names)s::text[]) AS made (name)
WHERE NOT EXISTS (SELECT FROM {crds} AS crd WHERE crd.name = made.name AND crd.deleted_at IS NULL)
"""
_DEFINITIONS: Final = """
SELECT kind, printer_columns, fields FROM {crds}
WHERE name = %(name)s AND deleted_at IS NULL AND printer_columns IS NOT NULL AND fields IS NOT NULL
ORDER BY context_name
"""
_TAKEN: Final = """
SELECT relname FROM pg_catalog.pg_class
WHERE relnamespace = to_regnamespace(quote_ident(%(schema)s)) AND starts_with(relname, %(prefix)s)
"""
_GRANTS: Final = """
SELECT format('GRANT %%s ON %%s TO %%s%%s', acl.privilege_type, acl.view,
    CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END,
    CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM (
    SELECT c.oid::regclass AS view, c.relowner, each.* FROM pg_catalog.pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS each WHERE c.oid = %(view)s
) AS acl
WHERE acl.grantee <> acl.relowner
"""
_COLUMNS: Final = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
WHERE attrelid = %(view)s AND attnum > 0 ORDER BY attnum
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """A view that is there."""

    oid: int
    name: str
    digest: str


def keep_up(cursor: psycopg.Cursor[Any], schema: str, context_name: str | None = None) -> tuple[str, ...]:
    """Make the views what the rows of the definitions say, in the caller's transaction.

    :param context_name: the context whose definitions may have changed; None: any.
    :returns: remarks for a person; a view that cannot be made keeps nothing else from its work.
    """
    try:
        with cursor.connection.transaction():
            if not any(_outdated(cursor, schema, context_name)):
                return ()
            if not _may_create(cursor, schema):
                # Who has none does not miss them; those that are there go stale.
                return (_MAY_NOT.format(schema=schema),) if _made(cursor, schema) else ()
            cursor.execute("SELECT set_config('lock_timeout', '10s', true)")
            # Whoever comes second sees what the first one has committed.
            locking.wait_for(cursor, f"k8s_inventory/{schema}/custom views")
            # Who waits for a view keeps its next readers waiting.
            cursor.execute("SELECT set_config('lock_timeout', '2s', true)")
            return tuple(_summed(_problems(cursor, schema, context_name)))
    except psycopg.Error as error:
        return (f"the views of custom resources are not in step: {explaining.explain(error)}",)


def drop(cursor: psycopg.Cursor[Any], schema: str) -> None:
    """Drop all of them, so that the tables below can be dropped or retyped."""
    for view in _made(cursor, schema).values():
        cursor.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier(schema, view.name)))


def _may_create(cursor: psycopg.Cursor[Any], schema: str) -> bool:
    query = "SELECT has_schema_privilege(%(schema)s::text, 'CREATE')"
    return _ask(cursor, schema, query, {"schema": schema}) == [(True,)]


def _made(cursor: psycopg.Cursor[Any], schema: str) -> dict[str, _Made]:
    """Find the views that are there, by their resources."""
    rows = _ask(cursor, schema, _MADE, {"schema": schema, "prefix": _PREFIX})
    return {row[2]: _Made(oid=row[0], name=row[1], digest=row[3]) for row in rows}


def _outdated(
    cursor: psycopg.Cursor[Any], schema: str, context_name: str | None
) -> tuple[dict[str, str], dict[str, _Made]]:
    """Find the digests of the resources that lack their view, and the views of resources that no context has."""
    made = _made(cursor, schema)
    parameters = {"maker": _MAKER, "context_name": context_name}
    defined = dict(_ask(cursor, schema, _DEFINED, parameters))
    gone = [row[0] for row in _ask(cursor, schema, _GONE, {"names": list(made)})] if made else []
    missing = {name: digest for name, digest in defined.items() if name not in made or made[name].digest != digest}
    return missing, {name: made[name] for name in gone}


def _problems(cursor: psycopg.Cursor[Any], schema: str, context_name: str | None) -> Iterator[tuple[str, str]]:
    """Drop and make views, each for itself; yield the resource and the problem of one that cannot be."""
    missing, gone = _outdated(cursor, schema, context_name)
    for name, old in gone.items():
        yield from _tried(cursor, name, [sql.SQL("DROP VIEW {}").format(sql.Identifier(schema, old.name))])
    reserved = {
        row[0] for row in _ask(cursor, schema, "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
    }
    made = _made(cursor, schema)
    taken = {row[0] for row in _ask(cursor, schema, _TAKEN, {"schema": schema, "prefix": _PREFIX})}
    for name, digest in missing.items():
        definitions = _ask(cursor, schema, _DEFINITIONS, {"name": name})
        columns, left_out = view_columns([(printed, fields) for _, printed, fields in definitions], reserved)
        there = made.get(name)
        view = there.name if there else _name(name, taken)
        taken.add(view)
        comment = f"Objects of {name} ({definitions[0][0]}): what kubectl prints of them, and their plain fields"
        if left_out:
            comment += f"; without {', '.join(left_out)}, whose path PostgreSQL has no word for"
        yield from _tried(
            cursor, name, _statements(cursor, schema, view, there, name, columns, f"{comment} [{digest}]")
        )


def _statements(
    cursor: psycopg.Cursor[Any],
    schema: str,
    view: str,
    there: _Made | None,
    resource: str,
    columns: Sequence[ViewColumn],
    comment: str,
) -> list[sql.Composable]:
    """Compose what makes a view; one that loses or retypes columns is dropped first, and granted again."""
    name = sql.Identifier(schema, view)
    before: list[sql.Composable] = []
    after: list[sql.Composable] = []
    if there:
        parameters = {"view": there.oid}
        old = _ask(cursor, schema, _COLUMNS, parameters)
        if old != [(column.name, column.type) for column in columns][: len(old)]:
            before = [sql.SQL("DROP VIEW {}").format(name)]
            after = [sql.SQL(row[0]) for row in _ask(cursor, schema, _GRANTS, parameters)]
    table = sql.Identifier(schema, custom.TABLE.name)
    return [
        *before,
        compose(cursor, name, table, resource, columns),
        sql.SQL("COMMENT ON VIEW {} IS {}").format(name, sql.Literal(comment)),
        *(
            sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                name, sql.Identifier(column.name), sql.Literal(column.comment)
            )
            for column in columns
        ),
        *after,
    ]


def _tried(cursor: psycopg.Cursor[Any], name: str, statements: Iterable[sql.Composable]) -> Iterator[tuple[str, str]]:
    try:
        with cursor.connection.transaction():
            cursor.execute(sql.SQL(";\n").join(statements))
    except errors.DependentObjectsStillExist as error:
        yield name, f"{explaining.explain(error)}: drop what depends on the view, and make it anew"
    except errors.InsufficientPrivilege as error:
        yield name, f"{explaining.explain(error)}: let the role own the views, or let their owner migrate"
    except psycopg.Error as error:
        yield name, explaining.explain(error)


def _summed(problems: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Make one line of all resources that have the same problem."""
    names: dict[str, list[str]] = {}
    for name, problem in problems:
        names.setdefault(problem, []).append(name)
    for problem, having in names.items():
        more = f" and {len(having) - _SHOWN} more" if len(having) > _SHOWN else ""
        yield f"the view of {', '.join(having[:_SHOWN])}{more} is not in step: {problem}"


def _name(resource: str, taken: set[str]) -> str:
    """Name the view of a resource; one that is too long, or another's, ends in a digest."""
    name = _PREFIX + re.sub("[^a-z0-9]+", "_", resource)
    if len(name) <= _LONGEST and name not in taken:
        return name
    digest = sha256(resource.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - len(digest) - 1]}_{digest}"


def _ask(
    cursor: psycopg.Cursor[Any], schema: str, query: Any, parameters: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    crds = sql.Identifier(schema, "k8s_crds")
    return cursor.execute(sql.SQL(query).format(crds=crds), parameters or {}).fetchall()
