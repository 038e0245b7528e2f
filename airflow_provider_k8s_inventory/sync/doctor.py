"""Find out before a sync what would fail in it: reachable, who am I, what may be listed, is the database ready."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import DatabaseError, ForbiddenError, NotServedError, ScopeError
from airflow_provider_k8s_inventory.kube import access, discovery
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.model import Resource, Selection
from airflow_provider_k8s_inventory.postgres import inventoried, limits, migrations, rights, scopes, sessions
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.sync import expanding, identity, namespaces, permitted, resolving
from airflow_provider_k8s_inventory.sync.facts import ClusterFacts
from airflow_provider_k8s_inventory.sync.selections import ALL, Selections
from airflow_provider_k8s_inventory.sync.settings import Settings


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
    limited: bool = False
    """Whether a sync works, but with less than there could be."""
    absent: str | None = None
    """The name or glob that the context serves nothing of; whether it is wrong, only all contexts tell."""


def weigh(findings: Sequence[Finding], synced: Callable[[], Collection[str]]) -> list[Finding]:
    """Turn what no context serves, and none ever did, into what would fail.

    :param findings: those of all contexts.
    :param synced: gives the resources that were ever synced; called only where it matters.
    """
    contexts = {finding.subject for finding in findings} - {"database"}
    absent: dict[str, set[str]] = {}
    for finding in findings:
        if finding.absent:
            absent.setdefault(finding.absent, set()).add(finding.subject)
    nowhere = {name for name, subjects in absent.items() if subjects == contexts}
    ever = synced() if nowhere else ()
    wrong = {name for name in nowhere if not any(expanding.means(name, each) for each in ever)}
    return [
        replace(finding, good=False, limited=False, detail=f"{finding.detail}; no context serves it, nor ever did")
        if finding.absent in wrong
        else finding
        for finding in findings
    ]


def examine_database(conn: psycopg.Connection, schema: str) -> Iterator[Finding]:
    """Check that the schema is there and migrated, and that rows can be written to its tables."""
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
    client: Client,
    names: Sequence[str],
    *,
    selections: Selections = ALL,
    conn: psycopg.Connection | None = None,
    schema: str = "public",
) -> Iterator[Finding]:
    """Check that a context's resources can be synced.

    :param names: the resources: names, globs, groups and exclusions.
    :param selections: the objects that a sync is to read.
    :param conn: a connection to the database, to compare the cluster with the one its rows were read from.
    :param schema: the schema of the tables.
    """
    context = client.context.name
    for warning in client.context.warnings:
        yield Finding(subject=context, check="kubeconfig", good=True, limited=True, detail=f"warning: {warning}")
    try:
        version = client.document("/version", dict[str, object]).get("gitVersion")
        detail = f"{client.context.server}, Kubernetes {client.context.excerpt(str(version))}"
        yield Finding(subject=context, check="reachable", good=True, detail=detail)
        yield Finding(subject=context, check="who am I", good=True, detail=access.who_am_i(client))
    except ScopeError as error:
        yield Finding(subject=context, check="reachable", good=False, detail=str(error))
        return
    facts = ClusterFacts(client)
    asked, problems = _meaning(client, facts, names, conn, schema)
    identified = _identity(client, facts, needed=not all(map(_is_listed, asked)))
    yield identified
    if conn and identified.good and (another := _same_cluster(facts, client.context, asked, conn, schema)):
        yield another
    yield from _namespaces(client, facts, selections)
    lacking: list[Resource] = []
    for name, written in asked.items():
        yield _resource(client, facts, name, written, selections.of(resources.asked(name).name), lacking)
    if lacking and (elsewhere := _elsewhere(client, facts, lacking, asked, conn, schema)):
        yield elsewhere
    yield from problems


def _meaning(
    client: Client, facts: ClusterFacts, names: Sequence[str], conn: psycopg.Connection | None, schema: str
) -> tuple[dict[str, str], list[Finding]]:
    """Resolve names: the canonical names, each with what it was asked for as, and the problems of the others."""
    context = client.context.name
    names = expanding.checked(names)
    asked = {name: name for name in expanding.catalogued(names) if name in resources.CATALOGUE}
    others = [name for name in names if resources.canonical(name) not in resources.CATALOGUE]
    if all(map(expanding.is_exclusion, others)):
        return asked, []
    try:
        meant, problems = expanding.expand(others, facts.discovery(), context, *_inventory(conn, schema, context))
    except ScopeError as error:
        return asked, [Finding(subject=context, check="discovery", good=False, detail=str(error))]
    for written, name in meant.items():
        asked.setdefault(name, written)
    return asked, [_problem(context, problem) for problem in problems]


def _inventory(
    conn: psycopg.Connection | None, schema: str, context: str
) -> tuple[Sequence[str], Callable[[str], Sequence[Resource]]]:
    """Look up what the inventory knows of resources; nothing without a database, or before its tables are there."""
    with suppress(psycopg.Error):
        if conn:
            inventoried.lookup(conn, schema, "")
            return inventoried.stored(conn, schema, context), partial(inventoried.lookup, conn, schema)
    return (), lambda _: ()


def _problem(context: str, problem: expanding.Problem) -> Finding:
    missing = problem.unresolved or problem.status == "absent"
    return Finding(
        subject=context,
        check=f"may list {problem.name}",
        good=missing,
        limited=missing,
        detail=problem.reason,
        absent=problem.name if missing else None,
    )


def _namespaces(client: Client, facts: ClusterFacts, selections: Selections) -> Iterator[Finding]:
    """Look at the namespaces that are asked for by name, and find those that globs mean."""
    for selection in dict.fromkeys((selections.of_all, *selections.of_some.values())):
        if not selection.is_open:
            for namespace in selection.namespaces:
                yield _namespace(client, facts, namespace)
            continue
        good, subject, check = True, client.context.name, f"namespaces {', '.join(selection.namespaces)}"
        try:
            detail = ", ".join(namespaces.named(client, selection).namespaces)
        except ScopeError as error:
            good, detail = False, str(error)
        yield Finding(subject=subject, check=check, good=good, detail=detail)


def _elsewhere(
    client: Client,
    facts: ClusterFacts,
    lacking: Sequence[Resource],
    asked: Iterable[str],
    conn: psycopg.Connection | None,
    schema: str,
) -> Finding | None:
    """Say in which namespaces resources may be listed that may not be listed in all; None: in none."""
    subject, check = client.context.name, "namespaces"
    names = ", ".join(resource.name for resource in lacking)
    try:
        found = permitted.where(client, lacking, conn, schema)
        definitions = {name: resolving.definition_of(resources.asked(name).name, facts) for name in asked}
    except ScopeError as error:
        return Finding(subject=subject, check=check, good=True, limited=True, detail=str(error))
    namespaced = [name for name, definition in definitions.items() if definition.resource.namespaced]
    suggestion = permitted.arguments(found, namespaced)
    if suggestion is None:
        return None
    detail = f"{names} may be listed in some, so narrow the sync: {suggestion}"
    return Finding(subject=subject, check=check, good=True, limited=True, detail=detail)


def _namespace(client: Client, facts: ClusterFacts, namespace: str) -> Finding:
    try:
        problem = None if facts.has_namespace(namespace) else "there is none of that name: it will be as empty"
    except ScopeError as error:
        problem = str(error)
    return Finding(
        subject=client.context.name,
        check=f"namespace {namespace}",
        good=True,
        limited=problem is not None,
        detail=problem or "yes",
    )


def _identity(client: Client, facts: ClusterFacts, *, needed: bool) -> Finding:
    subject, check = client.context.name, "identity"
    try:
        uid = facts.identity().uid
    except (ForbiddenError, NotServedError) as error:
        lost = "clusters will fail" if needed else "cluster_uid will be NULL"
        detail = f"{error}; without it {lost}"
        return Finding(subject=subject, check=check, good=not needed, limited=not needed, detail=detail)
    except ScopeError as error:
        return Finding(subject=subject, check=check, good=False, detail=str(error))
    return Finding(subject=subject, check=check, good=True, detail=f"cluster {uid}")


def _same_cluster(
    facts: ClusterFacts, context: Context, names: Iterable[str], conn: psycopg.Connection, schema: str
) -> Finding | None:
    """Report that the context's rows are of another cluster than the one that responds; None: they are not."""
    uid, problem = facts.cluster_uid()
    different: dict[str, str] = {}
    for name in names:
        scope = resolving.scope_of(context.name, name, Settings(schema=schema))
        table = resources.CATALOGUE[name].table if name in resources.CATALOGUE else custom.TABLE
        target = resolving.target_of(scope, table, schema)
        with suppress(psycopg.Error), sessions.transaction(conn) as cursor:
            state = scopes.state(cursor, schema, scope)
            if refusal := identity.compare(cursor, target, state, context, uid, problem).refusal:
                different[name] = refusal
    if not different:
        return None
    (_, refusal), *others = different.items()
    more = f"; the same for {', '.join(name for name, _ in others)}" if others else ""
    return Finding(subject=context.name, check="same cluster", good=False, detail=refusal + more)


def _resource(
    client: Client, facts: ClusterFacts, name: str, written: str, selection: Selection, lacking: list[Resource]
) -> Finding:
    """Look at one resource; one that may not be listed in all namespaces is added to `lacking`."""
    # A cluster's row needs no more than its identity, but counts the nodes where it may.
    counted = not _is_listed(name)
    subject, check = client.context.name, "may count nodes" if counted else f"may list {name}"
    asked = resources.asked("nodes" if counted else name)
    try:
        resource = resolving.definition_of(asked.name, facts, asked.version).resource
        if facts.discovery().find(resource.name, resource.version) is None and not discovery.serves(client, resource):
            detail = f"not served: will be absent{expanding.hint(resource.name, facts.discovery())}"
            return Finding(subject=subject, check=check, good=True, limited=True, detail=detail, absent=written)
        problem = _lacking(client, resource, selection)
    except ScopeError as error:
        return Finding(subject=subject, check=check, good=False, detail=str(error))
    if problem and not counted and resource.namespaced and not selection.namespaces:
        lacking.append(resource)
    if problem and counted:
        return Finding(
            subject=subject, check=check, good=True, limited=True, detail=f"{problem}; node_count will be NULL"
        )
    return Finding(subject=subject, check=check, good=not problem, detail=problem or "yes")


def _is_listed(name: str) -> bool:
    definition = resources.CATALOGUE.get(name)
    return definition is None or definition.listed


def _lacking(client: Client, resource: Resource, selection: Selection) -> str | None:
    """Say what to grant, so that a resource may be listed; None: nothing."""
    problems = []
    for namespace in namespaces.named(client, selection.within(resource)).namespaces or (None,):
        allowed, reason = access.may_list(client, resource, namespace)
        if not allowed:
            where = f" in namespace {namespace}" if namespace else ""
            problems.append(f"grant list and watch on {resource.name}{where}{f' ({reason})' if reason else ''}")
    return f"no: {'; '.join(problems)}" if problems else None
