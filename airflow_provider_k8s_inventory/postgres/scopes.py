"""The state of each scope: one row of ``k8s_scopes``, written by `ledger.record` together with a line of the ledger.

A checkpoint is worth only as much as its rows. Scopes of one resource share rows where their namespaces overlap, so a
sync that writes rows of another cluster or row format invalidates the checkpoints of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import SelectorError, UnresolvedError
from airflow_provider_k8s_inventory.model import TURNED_AWAY, Scope, SyncReport
from airflow_provider_k8s_inventory.postgres import sessions
from airflow_provider_k8s_inventory.postgres.target import composed_once


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """The state in which the last good sync left the rows of a scope."""

    checkpoint: str | None
    """The resourceVersion at which the rows were complete."""
    rows: int
    """How many there were."""
    cluster_uid: str | None
    row_format: str | None
    invalid_reason: str | None
    """Why the rows are no longer all of that cluster and row format; None: they are."""
    unverified: int
    """Syncs since one that compared every object."""
    verified_today: bool
    """Whether that one was within a day."""

    def is_all(self, row_format: str) -> bool:
        """Tell if all rows are of one format."""
        return self.invalid_reason is None and self.row_format == row_format


_STATE: Final = """
SELECT checkpoint, rows, cluster_uid, row_format, invalid_reason, unverified,
    verified_at IS NOT NULL AND verified_at > now() - interval '1 day'
FROM {scopes}
WHERE context_name = %(context_name)s AND resource = %(resource)s AND selection = %(selection)s
    AND last_success_at IS NOT NULL
"""


def state(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> State | None:
    """Read the state in which the last good sync left a scope; None: there was none."""
    row = cursor.execute(_query(_STATE, schema), _key(scope)).fetchone()
    if row is None:
        return None
    checkpoint, rows, cluster_uid, row_format, invalid_reason, unverified, verified_today = row
    return State(
        checkpoint=checkpoint,
        rows=rows,
        cluster_uid=cluster_uid,
        row_format=row_format,
        invalid_reason=invalid_reason,
        unverified=unverified,
        verified_today=verified_today,
    )


# A sync that was turned away by another one says nothing of the rows, and a report may be written late.
_END: Final = """
INSERT INTO {scopes} AS scope (context_name, resource, selection, namespaces, label_selector, field_selector,
    first_synced_at, last_status, last_reason, last_finished_at, last_host)
VALUES (%(context_name)s, %(resource)s, %(selection)s, %(namespaces)s, %(label_selector)s, %(field_selector)s,
    %(finished_at)s, %(status)s, %(reason)s, %(finished_at)s, %(host)s)
ON CONFLICT (context_name, resource, selection) DO UPDATE SET
    last_status = excluded.last_status, last_reason = excluded.last_reason,
    last_finished_at = excluded.last_finished_at, last_host = excluded.last_host
WHERE (excluded.last_status <> ALL(%(turned_away)s), excluded.last_finished_at)
    >= (scope.last_status <> ALL(%(turned_away)s), scope.last_finished_at)
"""

_END_OF_KNOWN: Final = """
UPDATE {scopes} SET last_status = %(status)s, last_reason = %(reason)s, last_finished_at = %(finished_at)s,
    last_host = %(host)s
WHERE context_name = %(context_name)s AND resource = %(resource)s AND selection = %(selection)s
"""

_SUCCESS: Final = """
UPDATE {scopes} SET
    cluster_uid = %(cluster_uid)s, checkpoint = %(checkpoint)s, rows = %(rows)s, row_format = %(row_format)s,
    invalid_reason = NULL,
    unverified = CASE WHEN %(verified)s THEN 0 ELSE unverified + %(unverified)s END,
    verified_at = CASE WHEN %(verified)s THEN %(finished_at)s ELSE verified_at END,
    last_success_at = greatest(last_success_at, %(finished_at)s), last_success_began_at = %(started_at)s,
    history_since = CASE WHEN %(recorded)s THEN coalesce(history_since, last_success_at, %(finished_at)s) END,
    last_served_at = CASE WHEN %(served)s THEN greatest(last_served_at, %(finished_at)s) ELSE last_served_at END
WHERE context_name = %(context_name)s AND resource = %(resource)s AND selection = %(selection)s
"""

# In the order of the key: two syncs that share no rows may both share some with the same others.
_CHANGE_OTHERS: Final = """
UPDATE {scopes} SET {change}
WHERE context_name = %(context_name)s AND resource = %(resource)s AND selection = ANY(ARRAY(
    SELECT selection FROM {scopes}
    WHERE context_name = %(context_name)s AND resource = %(resource)s AND selection <> %(selection)s
        AND (
            namespaces IS NULL OR %(namespaces)s::text[] IS NULL OR namespaces && %(namespaces)s::text[]
            -- Globs, of which only clusters tell what they share.
            OR array_to_string(namespaces || %(namespaces)s::text[], '') ~ '[*?[]'
        )
        AND {condition}
    ORDER BY selection FOR UPDATE
))
"""
_INVALIDATE: Final[tuple[LiteralString, LiteralString]] = (
    "invalid_reason = %(invalid_reason)s",
    "(cluster_uid, row_format) IS DISTINCT FROM (%(cluster_uid)s::text, %(row_format)s::text)"
    " AND last_success_at IS NOT NULL AND invalid_reason IS NULL",
)
_INTERRUPT: Final[tuple[LiteralString, LiteralString]] = (
    "history_since = %(finished_at)s",
    "history_since < %(finished_at)s",
)

# Scopes of one resource may differ in their namespaces, and never in their selectors.
_PROVEN: Final = """
SELECT max(last_success_began_at)
FROM {scopes}
WHERE context_name = %(context_name)s AND resource = %(resource)s AND last_success_at IS NOT NULL
    AND (label_selector, field_selector) IS NOT DISTINCT FROM (%(label_selector)s::text, %(field_selector)s::text)
    AND (
        selection = %(selection)s
        OR invalid_reason IS NULL AND (
            namespaces IS NULL
            OR namespaces @> %(namespaces)s::text[]
            AND array_to_string(namespaces || %(namespaces)s::text[], '') !~ '[!*?[]'
        )
    )
"""

# Scopes of one resource may differ in their namespaces, and never in their selectors.
_OTHERS: Final = """
context_name = %(context_name)s AND resource = %(resource)s
    AND (label_selector, field_selector) IS DISTINCT FROM (%(label_selector)s::text, %(field_selector)s::text)
"""

_REPLACED: Final = "SELECT selection FROM {scopes} WHERE {others} AND last_success_at IS NOT NULL ORDER BY selection"

_REPLACE: Final = "DELETE FROM {scopes} WHERE {others}"

# Compressed, one or the other long text was a key before long ones were cut.
_RENAMED: Final = """
DELETE FROM {scopes} WHERE context_name = %(context_name)s AND resource = %(resource)s AND selection = %(text)s
"""

# A custom resource is taken to be in namespaces until its cluster says that it is not.
_FORGET: Final = """
DELETE FROM {scopes}
WHERE context_name = %(context_name)s AND resource = %(resource)s AND namespaces IS NOT NULL AND last_served_at IS NULL
"""


def replaced(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> tuple[str, ...]:
    """Look up the scopes of other selectors, whose rows a sync of this one is to replace.

    :returns: their selections.
    """
    cursor.execute(_query(_REPLACED, schema), _key(scope) | scope.selection.columns)
    return tuple(row[0] for row in cursor.fetchall())


def update(cursor: psycopg.Cursor[Any], schema: str, report: SyncReport) -> None:
    """Write what a report says of its scope, in the caller's transaction.

    A bad one says only how the last sync ended. A glob that matched nothing, or a name that no cluster has resolved,
    has a line in the ledger; it is no scope. Nor is a selection that was never one: a misspelled one would be reported
    as failing for ever.
    """
    if resources.is_glob(report.resource):
        return
    values = {
        **_key(report.scope),
        **report.selection.columns,
        "finished_at": report.finished_at,
        "status": report.status,
        "turned_away": list(TURNED_AWAY),
        "reason": report.reason,
        "host": report.host,
    }
    unselectable = isinstance(report.error, (UnresolvedError, SelectorError))
    cursor.execute(_query(_END_OF_KNOWN if unselectable else _END, schema), values)
    if not report.good:
        return
    values |= {
        "cluster_uid": report.cluster_uid,
        "checkpoint": report.resource_version,
        "rows": report.seen,
        "row_format": report.row_format,
        "verified": report.mode not in ("delta", "watch") or report.drift is not None,
        # Of a watch, a day alone makes a check due.
        "unverified": int(report.mode == "delta"),
        "served": report.status == "success",
        "started_at": report.started_at,
        "recorded": report.changes is not None,
        "invalid_reason": f"a sync of {report.scope.selected} has since written rows of another cluster or row format",
    }
    cursor.execute(_query(_SUCCESS, schema), values)
    cursor.execute(_of_others(_INVALIDATE, schema), values)
    cursor.execute(_query(_REPLACE, schema), values)
    if (text := str(report.selection)) != values["selection"]:
        cursor.execute(_query(_RENAMED, schema), values | {"text": text})
    if report.status == "success" and not report.selection.namespaces and report.resource not in resources.CATALOGUE:
        cursor.execute(_query(_FORGET, schema), values)


def proven(cursor: psycopg.Cursor[Any], schema: str, scope: Scope) -> datetime | None:
    """Look up when the last good sync began that proved all rows of a scope: its own, or one of more namespaces.

    None: there was none.
    """
    row = cursor.execute(_query(_PROVEN, schema), _key(scope) | scope.selection.columns).fetchone()
    return row[0] if row else None


def interrupt_history(cursor: psycopg.Cursor[Any], schema: str, report: SyncReport) -> None:
    """Let the history of the scopes that share rows with a report's begin at its end: it wrote some without history."""
    values = {**_key(report.scope), **report.selection.columns, "finished_at": report.finished_at}
    cursor.execute(_of_others(_INTERRUPT, schema), values)


# Without the scope's lock: whoever writes the scope meanwhile moves the checkpoint too, to where its rows are.
_ADVANCE: Final = """
UPDATE {scopes} AS scope SET
    checkpoint = told.checkpoint, last_success_at = told.at, last_success_began_at = told.at,
    last_status = 'success', last_reason = NULL, last_finished_at = told.at, last_host = %(host)s,
    last_served_at = told.at
FROM jsonb_to_recordset(%(told)s)
    AS told (context_name text, resource text, selection text, since text, checkpoint text, at timestamptz)
WHERE scope.context_name = told.context_name AND scope.resource = told.resource AND scope.selection = told.selection
    AND scope.checkpoint = told.since AND scope.invalid_reason IS NULL AND scope.last_success_at < told.at
RETURNING scope.context_name, scope.resource, scope.selection
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bookmark:
    """The word of a watch that nothing changed in a scope between two resourceVersions."""

    scope: Scope
    since: str
    resource_version: str
    at: datetime
    """When it came."""


def advance(cursor: psycopg.Cursor[Any], schema: str, bookmarks: Sequence[Bookmark], host: str) -> set[Scope]:
    """Move the checkpoints of scopes in which nothing changed, in one statement for all of them.

    :param bookmarks: at most one for each scope.
    :param host: the machine that watches.
    :returns: those that were moved; the others have another checkpoint by now.
    """
    by_key = {tuple(_key(each.scope).values()): each.scope for each in bookmarks}
    told = [
        _key(each.scope) | {"since": each.since, "checkpoint": each.resource_version, "at": each.at.isoformat()}
        for each in bookmarks
    ]
    rows = cursor.execute(_query(_ADVANCE, schema), {"told": Jsonb(told), "host": host}).fetchall()
    return {by_key[key] for key in rows}


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """The earlier syncs of a scope."""

    first_at: datetime | None
    """The end of the first one; None: there was none."""
    good_at: datetime | None
    """The end of the last good one."""


_PAST: Final = """
SELECT scope.first_synced_at, scope.last_success_at
FROM rows FROM (jsonb_to_recordset(%s) AS (context_name text, resource text, selection text)) WITH ORDINALITY
    AS asked (context_name, resource, selection, place)
LEFT JOIN {scopes} AS scope USING (context_name, resource, selection)
ORDER BY asked.place
"""


def past(conn: psycopg.Connection, *, schema: str, scopes: Iterable[Scope]) -> dict[Scope, Past]:
    """Look up when scopes were synced before.

    :param conn: a connection outside of a transaction.
    :param schema: the schema of the tables.
    """
    wanted = list(dict.fromkeys(scopes))
    with sessions.transaction(conn) as cursor:
        rows = cursor.execute(_query(_PAST, schema), [Jsonb([_key(scope) for scope in wanted])]).fetchall()
    return {scope: Past(first_at=row[0], good_at=row[1]) for scope, row in zip(wanted, rows, strict=True)}


def _key(scope: Scope) -> dict[str, Any]:
    return {"context_name": scope.context_name, "resource": scope.resource, "selection": scope.selection.key}


@composed_once
def _of_others(step: tuple[LiteralString, LiteralString], schema: str) -> sql.Composed:
    """Compose a change of the other scopes that share rows with one, where a condition holds."""
    change, condition = map(sql.SQL, step)
    scopes = sql.Identifier(schema, "k8s_scopes")
    return sql.SQL(_CHANGE_OTHERS).format(scopes=scopes, change=change, condition=condition)


@composed_once
def _query(text: LiteralString, schema: str) -> sql.Composed:
    return sql.SQL(text).format(scopes=sql.Identifier(schema, "k8s_scopes"), others=sql.SQL(_OTHERS))
