"""Find out before a sync what would fail in it: reachable, who am I, what may be listed, is the database ready."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg.rows import tuple_row

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import DatabaseError, ForbiddenError, NotServedError, ScopeError
from airflow_provider_k8s_inventory.kube import access, discovery
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.kube.contexts import Context
from airflow_provider_k8s_inventory.kube.decoding import decode
from airflow_provider_k8s_inventory.model import Resource
from airflow_provider_k8s_inventory.postgres import ledger, limits, migrations, rights
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.sync import expanding, identity, reading
from airflow_provider_k8s_inventory.sync.knowing import Known
from airflow_provider_k8s_inventory.sync.settings import Settings
from airflow_provider_k8s_inventory.sync.work import target_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    """The context, or ``"database"``."""
    check: str
    """For example ``"reachable"``, ``"may list pods"``."""
    good: bool
    detail: str
    """What was found; when it is not good, what to do."""


def examine_database(conn: psycopg.Connection, schema: str) -> Iterator[Finding]:
    """Whether the schema is there and migrated, and rows can be written to its tables."""
    try:
        missing = migrations.pending(conn, schema=schema)
    except DatabaseError as error:
        yield Finding(subject="database", check="migrated", good=False, detail=str(error))
        return
    version = f"PostgreSQL {conn.info.server_version // 10000}"
    detail = f"{version}, schema {schema}"
    if missing:
        detail += f" lacks {', '.join(missing)}: migrate it (`k8s-inventory sync` and the DAG's migrate task do)"
    yield Finding(subject="database", check="migrated", good=not missing, detail=detail)
    yield _writable(conn, schema, migrated=not missing)
    yield from _limits(conn)


def _limits(conn: psycopg.Connection) -> Iterator[Finding]:
    try:
        short, long = limits.short_timeouts(conn)
        said = "; ".join((*short, *long)) or "none is set"
        yield Finding(subject="database", check="time-outs", good=not short, detail=said)
        yield Finding(subject="database", check="connections", good=True, detail=limits.connections(conn))
    except DatabaseError as error:
        yield Finding(subject="database", check="limits", good=False, detail=str(error))


def _writable(conn: psycopg.Connection, schema: str, *, migrated: bool) -> Finding:
    try:
        problem = rights.read_only(conn)
        if not problem and migrated and (lacking := rights.lacking(conn, schema)):
            problem = f"let its owner run {'; '.join(lacking)}"
    except DatabaseError as error:
        problem = str(error)
    detail = f"no: {problem}" if problem else "yes"
    return Finding(subject="database", check="may write", good=problem is None, detail=detail)


def examine_context(
    client: Client, names: Sequence[str], *, conn: psycopg.Connection | None = None, schema: str = "public"
) -> Iterator[Finding]:
    """Whether a context's resources can be synced.

    :param names: the resources: names and globs.
    :param conn: a connection to the database, to compare the cluster with the one its rows were read from.
    :param schema: the schema of the tables.
    """
    context = client.context.name
    for warning in client.context.warnings:
        yield Finding(subject=context, check="kubeconfig", good=True, detail=f"warning: {warning}")
    try:
        version = decode(client, "GET /version", client.get("/version"), dict[str, object]).get("gitVersion")
        detail = f"{client.context.server}, Kubernetes {client.context.excerpt(str(version))}"
        yield Finding(subject=context, check="reachable", good=True, detail=detail)
        yield Finding(subject=context, check="who am I", good=True, detail=access.who_am_i(client))
    except ScopeError as error:
        yield Finding(subject=context, check="reachable", good=False, detail=str(error))
        return
    asked = expanding.of_catalogue(names)
    if any(map(expanding.is_glob, names)) and "crds" not in asked:
        asked.append("crds")  # which say what else the globs mean
    known = Known(client)
    identified = _identity(client, known, needed="clusters" in asked)
    yield identified
    if conn and identified.good and (another := _same_cluster(known, client.context, asked, conn, schema)):
        yield another
    for name in asked:
        yield _resource(client, known, name)


def _identity(client: Client, known: Known, *, needed: bool) -> Finding:
    subject, check = client.context.name, "identity"
    try:
        uid = known.identity().uid
    except (ForbiddenError, NotServedError) as error:
        lost = "clusters will fail" if needed else "cluster_uid will be NULL"
        return Finding(subject=subject, check=check, good=not needed, detail=f"{error}; without it {lost}")
    except ScopeError as error:
        return Finding(subject=subject, check=check, good=False, detail=str(error))
    return Finding(subject=subject, check=check, good=True, detail=f"cluster {uid}")


def _same_cluster(
    known: Known, context: Context, names: Sequence[str], conn: psycopg.Connection, schema: str
) -> Finding | None:
    """What tells that the context's rows are of another cluster than the one that answers."""
    uid, problem = reading.identify(known)
    different: dict[str, str] = {}
    for name in names:
        scope = reading.scope_of(context.name, name, Settings(schema=schema))
        target = target_of(
            scope, resources.CATALOGUE[name].table if name in resources.CATALOGUE else custom.TABLE, schema
        )
        with suppress(psycopg.Error), conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
            state = ledger.last_state(cursor, schema, scope)
            if refusal := identity.compare(cursor, target, state, context, uid, problem).refusal:
                different[name] = refusal
    if not different:
        return None
    (_, refusal), *others = different.items()
    more = f"; the same for {', '.join(name for name, _ in others)}" if others else ""
    return Finding(subject=context.name, check="same cluster", good=False, detail=refusal + more)


def _resource(client: Client, known: Known, name: str) -> Finding:
    # A cluster's row needs no more than its identity, but counts the nodes where it may.
    check = "may count nodes" if name == "clusters" else f"may list {name}"
    listed = "nodes" if name == "clusters" else name
    try:
        good, detail = _may_list(client, reading.definition_of(listed, known).resource)
    except ScopeError as error:
        return Finding(subject=client.context.name, check=check, good=False, detail=str(error))
    if name == "clusters" and not good:
        good, detail = True, f"{detail}; node_count will be NULL"
    return Finding(subject=client.context.name, check=check, good=good, detail=detail)


def _may_list(client: Client, resource: Resource) -> tuple[bool, str]:
    if not discovery.serves(client, resource):
        return True, "not served: will be absent"
    allowed, reason = access.may_list(client, resource)
    return allowed, "yes" if allowed else f"no: grant get and list on {resource.name}{f' ({reason})' if reason else ''}"
