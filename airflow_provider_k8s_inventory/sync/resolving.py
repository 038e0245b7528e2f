"""Resolve a scope: which cluster responds, what the resource is there, and what of it the scope covers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import ForbiddenError, NotServedError, ResponseError, ScopeError
from airflow_provider_k8s_inventory.kube.cluster import Identity
from airflow_provider_k8s_inventory.model import Definition, Resource, Scope, Table
from airflow_provider_k8s_inventory.postgres.target import Target
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.sync.facts import ClusterFacts
from airflow_provider_k8s_inventory.sync.namespaces import missing
from airflow_provider_k8s_inventory.sync.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A scope, and what its cluster says of it. Nothing of it has been listed."""

    scope: Scope
    """Its selection has no namespaces for a resource outside of them."""
    definition: Definition
    cluster_uid: str | None
    problem: ScopeError | None = None
    """The reason why there is no cluster_uid."""
    identity: Identity | None = None
    """For a definition whose source is the cluster itself."""
    warnings: tuple[str, ...] = ()


def scope_of(context_name: str, resource: str, settings: Settings) -> Scope:
    """Make the scope of a resource by the settings; a resource outside of namespaces is never narrowed to some.

    :param resource: a canonical name, with its version where that matters, or the label of what has none.
    :raises UnknownResourceError: when it cannot be a resource.
    """
    asked = resources.asked(resource)
    definition = resources.CATALOGUE.get(asked.name)
    selection = settings.selections.of(asked.name)
    return Scope(
        context_name=context_name,
        resource=asked.name,
        selection=definition.narrow(selection) if definition else selection,
        version=asked.version,
    )


def target_of(scope: Scope, table: Table, schema: str) -> Target:
    """Name the rows of a scope that is resolved."""
    return Target(
        schema=schema,
        table=table,
        context_name=scope.context_name,
        selection=scope.selection,
        resource=None if scope.resource in resources.CATALOGUE else scope.resource,
    )


def resolve(scope: Scope, facts: ClusterFacts) -> Resolved:
    """Find out which cluster responds, and what the scope's resource is there.

    :raises ScopeError: when the cluster does not respond.
    """
    catalogued = resources.CATALOGUE.get(scope.resource)
    if catalogued and not catalogued.listed:
        identity = _identity(facts)
        return Resolved(scope=scope, definition=catalogued, cluster_uid=identity.uid, identity=identity)
    uid, problem = facts.cluster_uid()
    definition = definition_of(scope.resource, facts, scope.version)
    unknown = f"cluster_uid is NULL: {problem}; whether it is the cluster it was before cannot be told"
    return Resolved(
        scope=replace(scope, selection=scope.selection.within(definition.resource)),
        definition=definition,
        cluster_uid=uid,
        problem=problem,
        warnings=(*((unknown,) if problem else ()), *_unpreferred(definition.resource, scope, facts)),
    )


def definition_of(name: str, facts: ClusterFacts, version: str | None = None) -> Definition:
    """Look up what is kept of a resource; of one without a table of its own the cluster knows version and kind.

    One that the cluster does not know is taken for ``v1``, which listing will not find.

    :param name: a canonical name.
    :param version: the version to read; None takes the one the cluster prefers.
    :raises ScopeError: when discovery is needed and fails.
    """
    if name in resources.CATALOGUE:
        return resources.CATALOGUE[name]
    found = facts.discovery().find(name, version)
    if found is None:
        plural, _, group = name.partition(".")
        found = Resource(group=group, version=version or "v1", plural=plural, kind="", namespaced=True)
    return custom.definition(found)


def in_version(resolved: Resolved, version: str) -> Resolved:
    """Take a resource in another version than the declared one."""
    definition = resolved.definition
    return replace(resolved, definition=replace(definition, resource=replace(definition.resource, version=version)))


def missing_namespaces(scope: Scope, namespaces: Iterable[str], facts: ClusterFacts) -> Iterator[str]:
    """Warn of the namespaces that the cluster does not have: a list in one is as empty as any other.

    :param namespaces: those of the scope that have no rows.
    """
    for namespace in namespaces:
        try:
            if not facts.has_namespace(namespace):
                yield missing(scope.context_name, namespace)
        except ForbiddenError:
            continue
        except ScopeError:
            # It is only a warning, and a cluster that does not respond is not waited for.
            return


def _unpreferred(resource: Resource, scope: Scope, facts: ClusterFacts) -> tuple[str, ...]:
    """Say which version is kept, where the cluster prefers another one."""
    preferred = facts.discovery().find(resource.name) if scope.version else None
    if preferred is None or preferred.version == resource.version:
        return ()
    return (f"kept as {resource.api_version}, as asked for: the cluster prefers {preferred.api_version}",)


def _identity(facts: ClusterFacts) -> Identity:
    try:
        return facts.identity()
    except ForbiddenError as error:
        raise ForbiddenError(f"{error}; without it a cluster has no identity") from error
    except NotServedError as error:
        raise ResponseError(
            f"{error}; a cluster without a namespace kube-system has no identity, and so no row: "
            "leave out clusters, or look at what responds in the place of its API server"
        ) from error
