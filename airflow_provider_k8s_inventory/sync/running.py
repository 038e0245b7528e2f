"""Sync one scope, in one transaction: lock it, make its rows what the cluster says, write the ledger.

A sync that fails changes nothing but the ledger. `modes.choosing` reads the cluster and writes the rows; `fleet` syncs
many scopes at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import (
    InventoryError,
    LockedError,
    OtherVersionError,
    RefusedError,
    ScopeError,
    released,
)
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import EVERYTHING, Origin, Received, Scope, Status, SyncReport
from airflow_provider_k8s_inventory.postgres import (
    customviews,
    explaining,
    history,
    inventoried,
    ledger,
    locking,
    rows,
    scopes,
    sessions,
)
from airflow_provider_k8s_inventory.postgres.diff import Writing
from airflow_provider_k8s_inventory.postgres.scopes import State
from airflow_provider_k8s_inventory.postgres.target import Target
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.sync import expanding, identity, namespaces, resolving
from airflow_provider_k8s_inventory.sync.collection import Collection
from airflow_provider_k8s_inventory.sync.facts import ClusterFacts
from airflow_provider_k8s_inventory.sync.found import Outcome
from airflow_provider_k8s_inventory.sync.guard import Guard
from airflow_provider_k8s_inventory.sync.histories import Historian
from airflow_provider_k8s_inventory.sync.modes.choosing import ScopeSync
from airflow_provider_k8s_inventory.sync.progress import Progress
from airflow_provider_k8s_inventory.sync.recording import blank, record
from airflow_provider_k8s_inventory.sync.resolving import Resolved
from airflow_provider_k8s_inventory.sync.settings import Settings
from airflow_provider_k8s_inventory.sync.storing import Store

log = logging.getLogger(__name__)

_SHORTEST_TOKEN: Final = 12
_OUT_OF_MEMORY: Final = (
    "this process ran out of memory, syncing {scope}: give it more, or lower page_size (--page-size, now "
    "{settings.page_size}) and max_parallel_requests (--max-parallel-requests, now {settings.max_parallel_requests})"
)


def run(
    client: Client,
    conn: psycopg.Connection,
    resource: str,
    settings: Settings | None = None,
    origin: Origin | None = None,
    facts: ClusterFacts | None = None,
    connect: Callable[[], psycopg.Connection] | None = None,
) -> SyncReport:
    """Sync one scope.

    A scope that fails is a report, not an exception: its status and reason say what happened, and the ledger has it.

    :param client: the cluster; it may be closed only after the call.
    :param conn: a psycopg connection outside of a transaction; it is left outside of one.
    :param resource: as kubectl takes it: a plural, singular or short name, alone or with its group.
    :param settings: what the caller chooses.
    :param origin: the Airflow task instance, for the ledger.
    :param facts: what other scopes of the context have found out; None: nothing yet.
    :param connect: opens another connection for the ledger's line, should this one be lost on the way.
    :returns: the ledger's row.
    :raises UsageError: when no cluster can serve such a resource, or a transaction is open.
    :raises DatabaseError: when the database cannot hold what clusters say.
    :raises UnrecordedError: when not even the ledger could be written.
    """
    sessions.fit(conn)
    settings = settings or Settings()
    alone, facts = facts is None, facts or ClusterFacts(client)
    scope = resolving.scope_of(client.context.name, expanding.label(resource), settings)
    progress = Progress(report=blank(scope, "failed", origin=origin))
    progress.knows(redacted=settings.redact, kept=settings.keep)
    failure: InventoryError | None = None
    try:
        with progress.tally.counting():
            return _sync_named(client, conn, resource, settings, progress, facts, alone=alone)
    except InventoryError as error:
        status: Status = error.status if isinstance(error, ScopeError) else "failed"
        reason, failure = str(error), released(error)
    except psycopg.Error as error:
        status, reason = "failed", f"PostgreSQL, syncing {progress.scope}: {explaining.explain(error)}"
    except MemoryError:
        # A chained traceback would hold what filled it.
        status, reason = "failed", _OUT_OF_MEMORY.format(scope=progress.scope, settings=settings)
    except Exception as error:
        log.exception("%s: a defect of this package", progress.scope)
        status, reason = "failed", f"a defect of this package, please report it: {type(error).__name__}: {error}"
    failed = progress.ended(status, reason, error=failure)
    return record(conn, settings.schema, _redacted(failed, client), connect)


def _sync_named(
    client: Client,
    conn: psycopg.Connection,
    resource: str,
    settings: Settings,
    progress: Progress,
    facts: ClusterFacts,
    *,
    alone: bool,
) -> SyncReport:
    """Find out what the name means, and sync that.

    :param alone: whether no other scope of the context is synced.
    """
    scope = progress.scope
    for name in _names(resource, client.context.name, conn, settings, facts):
        # As far as it is known by now: a cluster that does not respond leaves it at that.
        scope = resolving.scope_of(client.context.name, name, settings)
        progress.knows(resource=scope.resource, selection=scope.selection)
    with progress.logged():
        progress.warn(*facts.remarks())
        resolved = _as_it_was(conn, settings.schema, resolving.resolve(scope, facts))
        progress.knows(responded=True, cluster_uid=resolved.cluster_uid, selection=resolved.scope.selection)
        progress.warn(*resolved.warnings)
        if alone:
            _log_start(conn, client, resolved, settings.schema)
        return _sync_as_served(client, conn, resolved, settings, progress, facts)


def receive(
    client: Client, conn: psycopg.Connection, resource: str, settings: Settings, received: Received, facts: ClusterFacts
) -> SyncReport:
    """Bring the changes that a watch brought into the rows of a scope, as a sync in delta mode does.

    Unlike `run`, it records no failure: whoever watches syncs the scope then.

    :param resource: a canonical name.
    :param received: the changes.
    :returns: the report of these changes; the ledger sums those of an hour up.
    :raises OvertakenError: when another sync has moved the checkpoint meanwhile; nothing is written.
    :raises LockedError: when one is running; nothing is written.
    :raises UnprovenError: when it is not enough to know what changed.
    :raises ScopeError: when the cluster does not respond, or a person is to approve.
    :raises psycopg.Error: when the database does not.
    """
    sessions.fit(conn)
    scope = resolving.scope_of(client.context.name, resource, settings)
    progress = Progress(report=replace(blank(scope, "failed"), started_at=received.began_at), mode="watch")
    progress.knows(redacted=settings.redact, kept=settings.keep)
    resolved = resolving.resolve(scope, facts)
    progress.knows(responded=True, cluster_uid=resolved.cluster_uid, selection=resolved.scope.selection)
    report = _sync_once(client, conn, resolved, settings, progress, facts, received=received)
    if report is None:
        raise LockedError(f"another sync of {scope} has ended meanwhile")
    return report


def repeat(conn: psycopg.Connection, resource: str, settings: Settings, failed: SyncReport) -> SyncReport:
    """Record for another resource what stopped a sync of the same context, without asking the cluster again.

    :param resource: a name as `run` takes it.
    :param failed: the report of the scope that found out.
    :raises UnrecordedError: when the ledger cannot be written.
    """
    name = expanding.likely(resource, partial(inventoried.lookup, conn, settings.schema))
    scope = resolving.scope_of(failed.context_name, name, settings)
    report = replace(blank(scope, failed.status, failed.reason, failed.origin), error=failed.error)
    return record(conn, settings.schema, report)


def _as_it_was(conn: psycopg.Connection, schema: str, resolved: Resolved) -> Resolved:
    """Take a custom resource that its cluster no longer knows for what it was: in namespaces, or outside of them."""
    scope, resource = resolved.scope, resolved.definition.resource
    if resource.kind or not scope.selection.namespaces:
        return resolved
    with sessions.transaction(conn) as cursor:
        if not inventoried.is_cluster_wide(cursor, schema, scope):
            return resolved
    definition = replace(resolved.definition, resource=replace(resource, namespaced=False))
    return replace(resolved, scope=replace(scope, selection=scope.selection.narrowed(None)), definition=definition)


def _sync_as_served(
    client: Client,
    conn: psycopg.Connection,
    resolved: Resolved,
    settings: Settings,
    progress: Progress,
    facts: ClusterFacts,
) -> SyncReport:
    """Sync a resource in the declared version; where only others are served, in the one that the cluster prefers.

    The objects are the same in every version.
    """
    try:
        return _sync(client, conn, resolved, settings, progress, facts)
    except OtherVersionError as error:
        if resolved.scope.resource not in resources.CATALOGUE:
            raise
        resolved = resolving.in_version(resolved, error.version)
        progress.fallbacks.clear()
        progress.warn(f"read as {resolved.definition.resource.api_version}: {error}; columns may be NULL")
    return _sync(client, conn, resolved, settings, progress, facts)


def _sync(
    client: Client,
    conn: psycopg.Connection,
    resolved: Resolved,
    settings: Settings,
    progress: Progress,
    facts: ClusterFacts,
) -> SyncReport:
    """Sync; once more when one of other selectors has ended meanwhile, whose rows this one then replaces.

    :raises LockedError: when another sync is running that must not.
    """
    known = progress.report
    report = _sync_once(client, conn, resolved, settings, progress, facts)
    if report is None:
        progress.report = known
        progress.fallbacks.clear()
        progress.restart_list()
        report = _sync_once(client, conn, resolved, settings, progress, facts, alone=True)
    if report is None:
        raise LockedError(f"other syncs of {resolved.scope} have ended meanwhile: run this one again")
    return report


def _sync_once(
    client: Client,
    conn: psycopg.Connection,
    resolved: Resolved,
    settings: Settings,
    progress: Progress,
    facts: ClusterFacts,
    *,
    alone: bool = False,
    received: Received | None = None,
) -> SyncReport | None:
    """Sync; None, and nothing is written, when one of other selectors has ended since this one began.

    :param alone: whether no other scope of the resource may be synced meanwhile.
    :param received: the changes that a watch brought; None: the cluster is read.
    """
    scope, schema = resolved.scope, settings.schema
    redaction = settings.redaction_of(scope.resource)
    if redaction.helm:  # as config maps are then kept whole
        resolved = replace(resolved, definition=replace(resolved.definition, hidden=()))
    ended: SyncReport | None = None
    target = own = resolving.target_of(scope, resolved.definition.table, schema)
    with sessions.transaction(conn) as cursor:
        replaced = _hold(cursor, schema, scope, alone=alone)
        if replaced:
            target = replace(target, selection=EVERYTHING)
        state = scopes.state(cursor, schema, scope)
        aged_by = resolved.definition.aged_by if settings.keep_events else None
        writing = Writing(
            target=target,
            cluster_uid=resolved.cluster_uid,
            keep_uid=not settings.accept_new_cluster,
            # What has grown too old is not known to be gone.
            on_delete="delete" if aged_by else settings.on_delete,
            aged_by=aged_by,
            keep_days=settings.keep_events,
        )
        since = None if replaced else scopes.proven(cursor, schema, scope)
        historian = _historian(resolved, since, settings)
        store = Store(
            cursor=cursor,
            writing=writing,
            resolved=resolved,
            store_object=settings.store_object,
            historian=historian,
            replaced=replaced,
            redaction=redaction,
        )
        replaces = _replaces(store, state, client, settings, progress)
        collection = Collection(
            client=client,
            resolved=resolved,
            selection=namespaces.named(client, scope.selection, progress.warn),
            page_size=settings.page_size,
            progress=progress,
            managed=historian.managed,
        )
        guard = Guard(collection=collection, store=store, settings=settings, replaces=replaces)
        outcome = ScopeSync(
            collection=collection, store=store, guard=guard, state=state, settings=settings, received=received
        ).run()
        if replaces:
            progress.warn("the rows of another cluster were replaced, as accept_new_cluster allows")
        if not scope.selection:
            identity.check_namespaces(store)
        rows.stamp(cursor, target)
        progress.warn(*_replaced(replaced, scope, outcome))
        progress.warn(*outcome.warnings, *_missing_namespaces(cursor, own, scope, facts, received))
        if outcome.mode == "full" and outcome.counts.seen:
            progress.warn(*(f"redact: {path} matched nothing" for path in redaction.unmatched_here()))
            progress.knows(unmatched=tuple(redaction.unmatched_so_far()))
        if scope.resource == custom.DEFINITIONS:
            progress.warn(*customviews.keep_up(cursor, schema, scope.context_name))
        progress.knows(reason=_reason(outcome, resolved, facts, conn, settings))
        if not replaced and _is_overtaken(cursor, schema, scope):
            raise psycopg.Rollback
        ended = _recorded(store, outcome, client, progress)
    return ended


def _recorded(store: Store, outcome: Outcome, client: Client, progress: Progress) -> SyncReport:
    """Write the ledger and the history of a scope whose rows are written."""
    gathered = store.historian.gathered(store.cursor, outcome.counts)
    if gathered.remade:
        remade = "%s: %d rows were made in another way of objects that did not change, which is no history"
        log.info(remade, progress.scope, gathered.remade)
    report = progress.ended(
        outcome.status,
        progress.report.reason,
        outcome.counts,
        mode=outcome.mode,
        drift=outcome.drift,
        resource_version=outcome.resource_version,
        row_format=store.row_format,
        changes=gathered.changes if store.historian.on else None,
        noise=gathered.noise if store.historian.on else None,
    )
    report = _redacted(report, client)
    write = ledger.sum_up if report.mode == "watch" else ledger.record
    sync_id = write(store.cursor, store.target.schema, report)
    if store.historian.omits(outcome.counts):
        scopes.interrupt_history(store.cursor, store.target.schema, report)
    if gathered.changes:
        history.publish(
            store.cursor,
            store.target.schema,
            report.scope,
            before_at=store.historian.since,
            sync_id=sync_id,
        )
    return report


def _historian(resolved: Resolved, since: datetime | None, settings: Settings) -> Historian:
    definition = resolved.definition
    kept = settings.histories.of(definition.name)
    if kept.on and not settings.store_object:
        log.info("%s: objects are not stored, so history has the columns only", resolved.scope)
    return Historian(
        on=kept.on,
        noise=kept.noise_of(definition),
        resource=resolved.scope.resource,
        since=since,
        # A server that can be watched has storage of its own, which gives every change another resourceVersion.
        trusted=definition.resource.watchable,
    )


def _hold(cursor: psycopg.Cursor, schema: str, scope: Scope, *, alone: bool) -> tuple[str, ...]:
    """Lock a scope; return the selections of others whose rows it is to replace, which nobody else may touch then.

    :raises LockedError: when another sync holds it.
    """
    locking.lock_scope(cursor, schema, scope)
    replaced = scopes.replaced(cursor, schema, scope)
    if replaced or alone:
        locking.lock_resource(cursor, schema, scope)
        replaced = scopes.replaced(cursor, schema, scope)
    return replaced


def _is_overtaken(cursor: psycopg.Cursor, schema: str, scope: Scope) -> bool:
    """Tell if a scope of other selectors, of which there was none, has been synced since this sync began.

    Neither of two first syncs in different namespaces sees the other one's scope, nor its rows.
    """
    if not locking.runs_beside_others(scope):
        return False
    locking.lock_ending(cursor, schema, scope)
    return bool(scopes.replaced(cursor, schema, scope))


def _missing_namespaces(
    cursor: psycopg.Cursor, own: Target, scope: Scope, facts: ClusterFacts, received: Received | None
) -> Iterator[str]:
    """Warn of namespaces that the cluster does not have; of globs `namespaces.named` does, of a watch the sync."""
    named = received is None and scope.selection.namespaces and not scope.selection.is_open
    return resolving.missing_namespaces(scope, rows.empty_namespaces(cursor, own) if named else (), facts)


def _replaced(replaced: Sequence[str], scope: Scope, outcome: Outcome) -> Iterator[str]:
    if replaced:
        were = " and ".join(each or "all objects" for each in replaced)
        yield (
            f"{scope.resource} was synced with another selection before ({were}), which this one replaces: "
            f"{outcome.counts.unselected} rows went"
        )


def _log_start(conn: psycopg.Connection, client: Client, resolved: Resolved, schema: str) -> None:
    if log.isEnabledFor(logging.INFO):
        with sessions.transaction(conn) as cursor:
            version = rows.kubernetes_version(cursor, schema, resolved.scope.context_name)
        server = f"{client.context.server} (Kubernetes {version})" if version else client.context.server
        log.info("%s: %s → %s.%s", resolved.scope, server, schema, resolved.definition.table.name)


def _replaces(store: Store, state: State | None, client: Client, settings: Settings, progress: Progress) -> bool:
    """Tell if the rows are of another cluster, whose place this one may take.

    :raises RefusedError: when it may not.
    """
    resolved = store.resolved
    compared = identity.compare(
        store.cursor, store.target, state, client.context, resolved.cluster_uid, resolved.problem
    )
    if compared.warning:
        progress.warn(compared.warning)
    if not compared.refusal:
        return False
    if not settings.accept_new_cluster:
        raise RefusedError(compared.refusal)
    return True


def _reason(
    outcome: Outcome, resolved: Resolved, facts: ClusterFacts, conn: psycopg.Connection, settings: Settings
) -> str | None:
    """Return the reason of an absent scope, with the names that a misspelled one may mean.

    A resource that some context had is not misspelled.
    """
    if outcome.absence is None:
        return None
    name = resolved.scope.resource
    had = inventoried.lookup(conn, settings.schema, name.partition(".")[0])
    if any(resource.name == name for resource in had):
        return outcome.absence.reason
    try:
        return outcome.absence.reason + expanding.hint(name, facts.discovery())
    except ScopeError:
        return outcome.absence.reason


def _names(
    resource: str, context_name: str, conn: psycopg.Connection, settings: Settings, facts: ClusterFacts
) -> Iterator[str]:
    """Yield the canonical name of a resource as it is known without the cluster, and then as the cluster says.

    :raises ScopeError: when the cluster does not say what it is.
    """
    lookup = partial(inventoried.lookup, conn, settings.schema)
    yield expanding.likely(resource, lookup)
    if resources.canonical(resource) not in resources.CATALOGUE:
        yield expanding.resolve(resource, facts.discovery(), context_name, lookup)


def _redacted(report: SyncReport, client: Client) -> SyncReport:
    """Return the report without the context's long secrets: a server may repeat a token in any name."""

    def redact(text: str) -> str:
        # Shorter ones may be words of ours; what servers write is without them already.
        return client.context.redact(text, shortest=_SHORTEST_TOKEN)

    return replace(
        report,
        reason=report.reason and redact(report.reason),
        fallback=report.fallback and redact(report.fallback),
        warnings=tuple(map(redact, report.warnings)),
    )
