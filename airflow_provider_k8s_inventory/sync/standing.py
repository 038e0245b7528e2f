"""Find out where a scope stands: from which resourceVersion its changes can be watched, or why they cannot."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from airflow_provider_k8s_inventory.exceptions import UnprovenError
from airflow_provider_k8s_inventory.model import Endpoint, Resource, Scope
from airflow_provider_k8s_inventory.postgres import scopes, sessions
from airflow_provider_k8s_inventory.sync import resolving
from airflow_provider_k8s_inventory.sync.facts import ClusterFacts
from airflow_provider_k8s_inventory.sync.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A scope whose changes can be watched."""

    scope: Scope
    resource: Resource
    endpoint: Endpoint
    cluster_uid: str
    """The cluster that its rows are of."""
    since: str
    """The resourceVersion at which its rows are complete."""


def find(
    conn: psycopg.Connection, context_name: str, resource: str, settings: Settings, facts: ClusterFacts
) -> Standing | str:
    """Look up where a scope stands.

    :param resource: a canonical name.
    :returns: where, or the reason why it is to be synced at intervals instead.
    :raises UnprovenError: when the rows may be of another cluster than the one that responds.
    :raises ScopeError: when the cluster does not respond.
    :raises psycopg.Error: when the database does not.
    """
    sessions.fit(conn)
    resolved = resolving.resolve(resolving.scope_of(context_name, resource, settings), facts)
    scope, definition = resolved.scope, resolved.definition
    with sessions.transaction(conn) as cursor:
        state = scopes.state(cursor, settings.schema, scope)
    if not (definition.listed and definition.resource.watchable and definition.resource.kind):
        return "it cannot be watched"
    if scope.selection.is_open or len(scope.selection.namespaces) > 1:
        return "several namespaces have no resourceVersion in common"
    if definition.aged_by and settings.keep_events:
        return "its rows outlive their objects, and only a list tells which have none"
    if resolved.cluster_uid is None:
        return "nothing tells that this is the cluster it was before"
    if state and state.cluster_uid != resolved.cluster_uid:
        raise UnprovenError(f"{scope}: the rows may be of another cluster")
    if state is None or state.checkpoint is None or state.invalid_reason:
        return "its rows are complete at no resourceVersion"
    (endpoint,) = scope.selection.endpoints(definition.resource)
    return Standing(
        scope=scope,
        resource=definition.resource,
        endpoint=endpoint,
        cluster_uid=resolved.cluster_uid,
        since=state.checkpoint,
    )
