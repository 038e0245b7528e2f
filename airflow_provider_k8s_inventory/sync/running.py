"""Sync one scope, in one transaction: lock it, make its rows what the cluster says, write the ledger.

A sync that fails changes nothing but the ledger. How the cluster is read is chosen in `choosing`; many scopes at a time
are in `fleet`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import InventoryError, RefusedError, ScopeError
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.model import Origin, Scope, Status, SyncReport
from airflow_provider_k8s_inventory.postgres import explaining, inventoried, ledger, loading, locking, sessions
from airflow_provider_k8s_inventory.sync import choosing, expanding, identity, progress, reading
from airflow_provider_k8s_inventory.sync.identity import Comparison
from airflow_provider_k8s_inventory.sync.knowing import Known
from airflow_provider_k8s_inventory.sync.recording import blank, record
from airflow_provider_k8s_inventory.sync.settings import Settings
from airflow_provider_k8s_inventory.sync.work import Tally, Work, target_of

log = logging.getLogger(__name__)

_SHORTEST_TOKEN: Final = 12


def run(
    client: Client,
    conn: psycopg.Connection,
    resource: str,
    settings: Settings | None = None,
    origin: Origin | None = None,
    known: Known | None = None,
    connect: Callable[[], psycopg.Connection] | None = None,
) -> SyncReport:
    """Sync one scope.

    A scope that fails is a report, not an exception: its status and reason say what happened, and the ledger has it.

    :param client: the cluster; it may be closed only after the call.
    :param conn: a psycopg connection outside of a transaction; it is left outside of one.
    :param resource: as kubectl takes it: a plural, singular or short name, alone or with its group.
    :param settings: what the caller chooses.
    :param origin: the Airflow task instance, for the ledger.
    :param known: what other scopes of the context have found out; None: nothing yet.
    :param connect: opens another connection for the ledger's line, should this one be lost on the way.
    :returns: the ledger's row.
    :raises UsageError: when no cluster can serve such a resource, or a transaction is open.
    :raises DatabaseError: when the database cannot hold what clusters say.
    :raises UnrecordedError: when not even the ledger could be written.
    """
    sessions.fit(conn)
    settings = settings or Settings()
    known = known or Known(client)
    scope = reading.scope_of(client.context.name, expanding.label(resource), settings)
    report = blank(scope, "failed", origin=origin)
    tally = Tally(namespaces=scope.namespaces)
    try:
        for name in _names(resource, client.context.name, conn, settings, known):
            # As far as it is known by now: a cluster that does not answer leaves it at that.
            scope = reading.scope_of(client.context.name, name, settings)
            report = replace(report, resource=scope.resource)
            tally.namespaces = scope.namespaces
        with progress.told(scope, tally):
            return _sync(client, conn, scope, settings, report, tally, known)
    except InventoryError as error:
        status: Status = error.status if isinstance(error, ScopeError) else "failed"
        reason = str(error)
    except psycopg.Error as error:
        status, reason = "failed", f"PostgreSQL, syncing {scope}: {explaining.explain(error)}"
    except MemoryError:
        # A chained traceback would hold what filled it.
        status, reason = (
            "failed",
            (
                f"this process ran out of memory, syncing {scope}: give it more, or lower page_size (--page-size, now "
                f"{settings.page_size}) and max_parallel_requests (--max-parallel-requests, now "
                f"{settings.max_parallel_requests})"
            ),
        )
    except Exception as error:
        log.exception("%s: a defect of this package", scope)
        status, reason = "failed", f"a defect of this package, please report it: {type(error).__name__}: {error}"
    failed = replace(_filled(report, tally), status=status, reason=reason)
    # It wrote nothing but its line.
    failed = replace(failed, resource_version=None, seen=0, inserted=0, updated=0, unchanged=0, deleted=0)
    return record(conn, settings.schema, _redacted(failed, client), connect)


def _redacted(report: SyncReport, client: Client) -> SyncReport:
    """Without the context's long secrets, whoever brought them in: a server may repeat a token in any name."""

    def redact(text: str) -> str:
        # Shorter ones may be words of ours; what servers write is without them already.
        return client.context.redact(text, shortest=_SHORTEST_TOKEN)

    return replace(
        report,
        reason=report.reason and redact(report.reason),
        fallback=report.fallback and redact(report.fallback),
        warnings=tuple(map(redact, report.warnings)),
    )


def _names(
    resource: str, context_name: str, conn: psycopg.Connection, settings: Settings, known: Known
) -> Iterator[str]:
    """The canonical name of a resource, first as it is known without the cluster.

    :raises ScopeError: when the cluster does not say what it is.
    """
    lookup = partial(inventoried.known, conn, settings.schema)
    yield expanding.likely(resource, lookup)
    if resources.canonical(resource) not in resources.CATALOGUE:
        yield expanding.resolve(resource, known.discovery(), context_name, lookup)


def _sync(
    client: Client,
    conn: psycopg.Connection,
    scope: Scope,
    settings: Settings,
    report: SyncReport,
    tally: Tally,
    known: Known,
) -> SyncReport:
    tally.warnings.extend(known.remarks())
    answer = reading.open_answer(scope, settings, known)
    scope = replace(scope, namespaces=answer.namespaces)  # what a custom resource is, only the cluster knows
    tally.cluster_uid, tally.namespaces = answer.cluster_uid, answer.namespaces
    tally.warnings.extend(answer.warnings)
    target = target_of(scope, answer.definition.table, settings.schema)
    with sessions.transaction(conn) as cursor:
        locking.lock_scope(cursor, settings.schema, scope)
        loading.compress_by_lz4(cursor)
        if log.isEnabledFor(logging.INFO):
            version = loading.kubernetes_version(cursor, settings.schema, scope.context_name)
            server = f"{client.context.server} (Kubernetes {version})" if version else client.context.server
            log.info("%s: %s → %s.%s", scope, server, settings.schema, target.table.name)
        state = ledger.last_state(cursor, settings.schema, scope)
        compared = identity.compare(cursor, target, state, client.context, answer.cluster_uid, answer.problem)
        work = Work(
            client=client,
            cursor=cursor,
            target=target,
            answer=answer,
            settings=settings,
            tally=tally,
            state=state,
            replaces=_replaces(compared, settings, tally),
        )
        absence = choosing.read(work)
        if work.replaces:
            tally.warnings.append("the rows of another cluster were replaced, as accept_new_cluster allows")
        identity.check_namespaces(work)
        loading.stamp(cursor, target)
        if answer.namespaces:
            tally.warnings.extend(reading.missing(scope, loading.empty_namespaces(cursor, target), known))
        done = replace(_filled(report, tally), status="success", shape=work.shape)
        if absence:
            done = replace(done, status="absent", reason=absence + _hint(scope, known, conn, settings))
        done = _redacted(done, client)
        ledger.record(cursor, settings.schema, done)
    return done


def _replaces(compared: Comparison, settings: Settings, tally: Tally) -> bool:
    """Whether the rows are of another cluster, whose place this one may take.

    :raises RefusedError: when it may not.
    """
    if compared.warning:
        tally.warnings.append(compared.warning)
    if not compared.refusal:
        return False
    if not settings.accept_new_cluster:
        raise RefusedError(compared.refusal)
    return True


def _hint(scope: Scope, known: Known, conn: psycopg.Connection, settings: Settings) -> str:
    """The names a misspelled one may mean; none for a resource that some context had, whose name is right."""
    had = inventoried.known(conn, settings.schema, scope.resource.partition(".")[0])
    if any(resource.name == scope.resource for resource in had):
        return ""
    try:
        return expanding.hint(scope.resource, known.discovery())
    except ScopeError:
        return ""


def _filled(report: SyncReport, tally: Tally) -> SyncReport:
    return replace(
        report,
        finished_at=datetime.now(UTC),
        cluster_uid=tally.cluster_uid,
        namespaces=tally.namespaces,
        mode=tally.mode,
        fallback=tally.fallback,
        drift=tally.drift,
        resource_version=tally.resource_version,
        pages=tally.pages,
        bytes=tally.bytes,
        seen=tally.seen,
        inserted=tally.inserted,
        updated=tally.updated,
        # What was written twice, by its change and by a check, counts as written once at the most.
        unchanged=max(0, tally.seen - tally.inserted - tally.updated),
        deleted=tally.deleted,
        warnings=tuple(tally.warnings),
    )


def repeat(conn: psycopg.Connection, resource: str, settings: Settings, failed: SyncReport) -> SyncReport:
    """Record for another resource what stopped a sync of the same context, without asking the cluster again.

    :param resource: a name as `run` takes it.
    :param failed: the report of the scope that found out.
    :raises UnrecordedError: when the ledger cannot be written.
    """
    name = expanding.likely(resource, partial(inventoried.known, conn, settings.schema))
    scope = reading.scope_of(failed.context_name, name, settings)
    return record(conn, settings.schema, blank(scope, failed.status, failed.reason, failed.origin))
