"""Drop what is older than it is kept: changes in ``k8s_history``, and rows that are marked as deleted.

Whole months go at once, single rows in short transactions; no sync fails by it, or waits for more than a moment. Old
lines of the ledger are deleted in `ledger`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, Final

import psycopg
from psycopg import errors, sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.model import Scope
from airflow_provider_k8s_inventory.postgres import explaining, locking, schemas, sessions
from airflow_provider_k8s_inventory.postgres.migrations import partitions
from airflow_provider_k8s_inventory.postgres.migrations.partitions import Partition
from airflow_provider_k8s_inventory.resources.histories import FOREVER, Histories

BATCH: Final = 10_000
"""Rows that are deleted in one transaction."""
_BATCHES: Final = 100
"""Transactions of each kind in one pruning, at most: a run must end."""
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
"""Before every change."""
_STALL: Final = "10s"
"""The longest time for which a transaction may stand still that syncs may wait for."""

_PAIRS: Final = """
WITH RECURSIVE found AS (
    (SELECT context_name, resource FROM {history} ORDER BY context_name, resource LIMIT 1)
    UNION ALL
    SELECT next.* FROM found CROSS JOIN LATERAL (
        SELECT it.context_name, it.resource FROM {history} AS it
        WHERE (it.context_name, it.resource) > (found.context_name, found.resource)
        ORDER BY it.context_name, it.resource LIMIT 1
    ) AS next
)
SELECT context_name, resource FROM found
"""
"""By steps through the index: of 10 million changes, few have another resource than the one before."""

# The bounds are those of one partition, whose rows have places of their own. Its index finds the old rows of a context
# and a resource without reading any other.
_DELETE: Final = """
WITH gone AS (
    DELETE FROM {history} AS it WHERE it.at >= %(start)s AND it.at < %(end)s AND it.ctid = ANY(ARRAY(
        SELECT old.ctid FROM unnest(%(contexts)s::text[], %(resources)s::text[]) AS pair (context_name, resource)
        CROSS JOIN LATERAL (
            SELECT h.ctid FROM {history} AS h
            WHERE h.context_name = pair.context_name AND h.resource = pair.resource
                AND h.at >= %(start)s AND h.at < %(end)s LIMIT %(batch)s
        ) AS old LIMIT %(batch)s
    )) RETURNING it.resource
), noted AS (
    INSERT INTO {kept} AS known (resource, since) SELECT DISTINCT resource, %(before)s::timestamptz FROM gone
    ON CONFLICT (resource) DO UPDATE SET since = greatest(known.since, excluded.since)
)
SELECT count(*) FROM gone
"""
_ANY_OLD: Final = "SELECT EXISTS (SELECT FROM {history} WHERE at < %s)"
_NOTE: Final = """
INSERT INTO {kept} AS known (resource, since) VALUES ('', %s)
ON CONFLICT (resource) DO UPDATE SET since = greatest(known.since, excluded.since)
"""
_MARKED: Final = """
SELECT {place} AS place, context_name, {resource} AS resource
FROM {table} WHERE deleted_at < %(before)s AND deleted_at IS NOT NULL GROUP BY 1, 2, 3
"""
_UNMARK: Final = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table}
    WHERE context_name = %(context)s AND {resource} = %(resource)s AND deleted_at < %(before)s LIMIT %(batch)s
)) AND deleted_at < %(before)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """The end of a pruning."""

    made: tuple[str, ...] = ()
    """The months that were made ahead."""
    dropped: tuple[str, ...] = ()
    """The months that were dropped whole."""
    changes: int = 0
    """Changes that were deleted one by one."""
    marked: int = 0
    """Rows that were marked as deleted, and went."""
    remarks: tuple[str, ...] = ()
    """What was left behind, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """The time that everything is kept for."""

    days: int
    """Of what no rule is for; 0: for ever."""
    histories: Histories
    now: datetime

    def of(self, resource: str) -> int:
        """Return the days that a resource is kept for; 0: for ever."""
        days = self.histories.of(resource).days
        return self.days if days is None else days

    @property
    def shortest(self) -> int:
        """The least number of days; 0: everything is kept for ever."""
        return min((days for days in (self.days, *self.histories.days) if days != FOREVER), default=FOREVER)

    def until(self, days: int) -> datetime:
        """Return the time before which everything goes."""
        return self.now - timedelta(days=days)


def prune(
    conn: psycopg.Connection[Any],
    *,
    schema: str,
    days: int,
    histories: Histories,
    now: datetime | None = None,
) -> Pruned:
    """Drop old changes and rows that were marked long ago, and make the months to come.

    :param conn: a connection outside of a transaction; it is left outside of one.
    :param schema: the schema of the tables.
    :param days: how long that is kept which no rule is for; 0: for ever.
    :param histories: the rules, which may say otherwise of resources.
    :param now: what is taken for the present.
    :raises DatabaseError: when it cannot be done.
    :raises UsageError: when the schema's name cannot be used.
    """
    schemas.check(schema)
    keeping = Keeping(days=days, histories=histories, now=now or datetime.now(UTC))
    remarks: list[str] = []
    try:
        made = partitions.make_ahead(conn, schema, now=keeping.now)
        changes, dropped = _History(conn, schema, keeping, remarks.append).prune()
        marked = sum(_prune_marked(conn, schema, keeping, remarks.append))
    except errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"history was not pruned: {error.diag.message_primary}: grant DELETE on k8s_history and the tables of "
            f"schema {schema}, and INSERT and UPDATE on k8s_history_kept, or keep all with keep_history=0 "
            "(--keep-history 0)"
        ) from error
    except psycopg.Error as error:
        raise DatabaseError(f"history was not pruned: {explaining.explain(error)}") from error
    return Pruned(made=tuple(made), dropped=dropped, changes=changes, marked=marked, remarks=tuple(remarks))


class _History:
    """The changes of one schema."""

    def __init__(
        self, conn: psycopg.Connection[Any], schema: str, keeping: Keeping, remark: Callable[[str], None]
    ) -> None:
        self._conn = conn
        self._schema = schema
        self._keeping = keeping
        self._remark = remark
        names = {"history": partitions.TABLE, "kept": f"{partitions.TABLE}_kept"}
        self._names: Mapping[str, sql.Composable] = {key: sql.Identifier(schema, each) for key, each in names.items()}

    def prune(self) -> tuple[int, tuple[str, ...]]:
        """Delete and drop; return how many changes were deleted, and the names of the months that were dropped."""
        keeping = self._keeping
        deleted = longer = 0
        if keeping.histories.days:
            days = {pair: keeping.of(pair[1]) for pair in self._pairs}
            others = {each for each in days.values() if each != keeping.days}
            for each in sorted(others - {FOREVER}):
                deleted += self._delete([pair for pair in days if days[pair] == each], before=keeping.until(each))
            longer = any(each == FOREVER or each > keeping.days for each in others)
        if not keeping.days:
            return deleted, ()
        with sessions.transaction(self._conn) as cursor:
            owned = partitions.is_owned(cursor, self._schema)
        before = keeping.until(keeping.days)
        if longer or not owned:
            deleted += self._delete_most(before)
        if not owned:
            self._tell()
            return deleted, ()
        dropped = self._drop(only_empty=bool(longer))
        if dropped is None:
            return deleted, ()
        # Rows whose months were not made in time share a partition with younger ones.
        deleted += self._delete_most(partitions.month(before))
        return deleted, dropped

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        """The contexts and their resources that have changes."""
        with sessions.transaction(self._conn) as cursor:
            return cursor.execute(sql.SQL(_PAIRS).format(**self._names)).fetchall()

    def _delete_most(self, before: datetime) -> int:
        """Delete the old changes of what no rule is for."""
        with sessions.transaction(self._conn) as cursor:
            if cursor.execute(sql.SQL(_ANY_OLD).format(**self._names), [before]).fetchone() != (True,):
                return 0
        keeping = self._keeping
        return self._delete([pair for pair in self._pairs if keeping.of(pair[1]) == keeping.days], before=before)

    def _delete(self, pairs: Sequence[tuple[str, str]], *, before: datetime) -> int:
        """Delete the old changes of some contexts' resources."""
        query = sql.SQL(_DELETE).format(**self._names)
        values = {"contexts": [pair[0] for pair in pairs], "resources": [pair[1] for pair in pairs]}
        with sessions.transaction(self._conn) as cursor:
            parts = partitions.read(cursor, self._schema)
        deleted = 0
        for start, end in ((part.start or _FIRST, min(part.end or before, before)) for part in parts):
            bounds = {"start": start, "end": end, "before": before, "batch": BATCH}
            count = BATCH if start < end and pairs else 0
            while count == BATCH:
                if deleted >= BATCH * _BATCHES:
                    self._remark(f"there are more than the {deleted:,} changes that one pruning deletes at most")
                    return deleted
                with sessions.transaction(self._conn) as cursor:
                    if not locking.try_for(cursor, f"k8s_inventory/{self._schema} history"):
                        self._remark("somebody else is pruning history at the same time")
                        return deleted
                    count = (cursor.execute(query, values | bounds).fetchone() or (0,))[0]
                deleted += count
        return deleted

    def _drop(self, *, only_empty: bool) -> tuple[str, ...] | None:
        """Drop the months that are over for longer than they are kept; None: somebody used history all the time.

        :param only_empty: leave those that have rows.
        """
        with sessions.transaction(self._conn) as cursor:
            if not self._old(cursor, only_empty=only_empty):
                return ()
        try:
            return partitions.giving_way(partial(self._drop_old, only_empty))
        except errors.LockNotAvailable:
            self._remark("old months of history were not dropped, as it was in use all the time: the next pruning does")
            return None

    def _drop_old(self, only_empty: bool, wait: str) -> tuple[str, ...]:
        with sessions.transaction(self._conn) as cursor:
            partitions.lock(cursor, self._schema, wait)
            old = self._old(cursor, only_empty=only_empty)
            if not old:
                return ()
            held = [part for part in old if self._has_rows(cursor, part)]
            for part in old:
                partitions.drop(cursor, self._schema, part.name)
            partitions.reach_back(cursor, self._schema, _end(old))
            if held:
                cursor.execute(sql.SQL(_NOTE).format(**self._names), [_end(held)])
        return tuple(part.name for part in old if part.start or part in held)

    def _old(self, cursor: psycopg.Cursor[Any], *, only_empty: bool) -> list[Partition]:
        """List what can be dropped: the oldest months without a gap, and what is older than any."""
        before = self._keeping.until(self._keeping.days)
        found: list[Partition] = []
        for part in partitions.read(cursor, self._schema):
            if part.end is None or part.end > before or (only_empty and self._has_rows(cursor, part)):
                break
            found.append(part)
        worth = any(part.start or self._has_rows(cursor, part) for part in found)
        return found if worth else []

    def _has_rows(self, cursor: psycopg.Cursor[Any], part: Partition) -> bool:
        query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(self._schema, part.name))
        return cursor.execute(query).fetchone() == (True,)

    def _tell(self) -> None:
        """Say so where months stay that only their owner can drop."""
        before = self._keeping.until(self._keeping.days)
        with sessions.transaction(self._conn) as cursor:
            parts = partitions.read(cursor, self._schema)
        if any(part.start and part.end and part.end <= before for part in parts):
            self._remark(
                f"this user does not own {self._schema}.{partitions.TABLE} and cannot drop its months, so old changes "
                "were deleted row by row: let its owner run `k8s-inventory prune`, or grant this user the owner's role"
            )


def _end(parts: Sequence[Partition]) -> datetime:
    return max(part.end for part in parts if part.end)


def _prune_marked(
    conn: psycopg.Connection[Any], schema: str, keeping: Keeping, remark: Callable[[str], None]
) -> Iterator[int]:
    """Delete rows that were marked as deleted long ago; yield how many, scope by scope."""
    busy = []
    for scope, table, before in _marked(conn, schema, keeping):
        for _ in range(_BATCHES):
            count = _delete_marked(conn, schema, scope, table, before)
            if count is None:
                busy.append(str(scope))
                break
            yield count
            if count < BATCH:
                break
    if busy:
        remark(f"marked rows of {', '.join(busy)} stay until the next pruning, as a sync is running")


def _marked(
    conn: psycopg.Connection[Any], schema: str, keeping: Keeping
) -> Iterator[tuple[Scope, sql.Identifier, datetime]]:
    """List where rows are marked that are old, each context and resource with its table and its horizon."""
    if keeping.shortest == FOREVER:
        return
    names = {definition.table.name: name for name, definition in resources.CATALOGUE.items()}
    tables = [sql.Identifier(schema, table.name) for table in resources.TABLES]
    # In one question: the database may be far away.
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL(_MARKED).format(
            place=sql.Literal(place), resource=_resource(names.get(table.name)), table=tables[place]
        )
        for place, table in enumerate(resources.TABLES)
    )
    with sessions.transaction(conn) as cursor:
        found = cursor.execute(query, {"before": keeping.until(keeping.shortest)}).fetchall()
    for place, context_name, resource in found:
        days = keeping.of(resource)
        if days != FOREVER:
            yield Scope(context_name=context_name, resource=resource), tables[place], keeping.until(days)


def _delete_marked(
    conn: psycopg.Connection[Any], schema: str, scope: Scope, table: sql.Identifier, before: datetime
) -> int | None:
    """Delete some rows of a scope; None: a sync is running, which may be about to bring one back to life."""
    is_custom = scope.resource not in resources.CATALOGUE
    resource = _resource(None if is_custom else scope.resource)
    with sessions.transaction(conn) as cursor:
        cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [_STALL])
        if not locking.try_to_prune(cursor, schema, scope):
            return None
        query = sql.SQL(_UNMARK).format(table=table, resource=resource)
        values = {"context": scope.context_name, "resource": scope.resource, "before": before, "batch": BATCH}
        return cursor.execute(query, values).rowcount


def _resource(name: str | None) -> sql.Composable:
    """Compose the resource of a table's rows; None: they say it themselves."""
    return sql.Identifier("resource") if name is None else sql.SQL("{}::text").format(sql.Literal(name))
