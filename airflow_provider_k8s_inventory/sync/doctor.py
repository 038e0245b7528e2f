"""Find out before a sync what would fail in it: reachable, who am I, what may be listed, is the database ready."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import InventoryError, ScopeError
from airflow_provider_k8s_inventory.kube import access, cluster, discovery
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.model import Resource
from airflow_provider_k8s_inventory.postgres import migrations

_KUBE_SYSTEM: Final = Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)


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
    """Whether the schema is there and migrated."""
    try:
        missing = migrations.pending(conn, schema=schema)
    except InventoryError as error:
        yield Finding(subject="database", check="migrated", good=False, detail=str(error))
        return
    version = f"PostgreSQL {conn.info.server_version // 10000}"
    detail = f"{version}, schema {schema}"
    if missing:
        detail += f" lacks {', '.join(missing)}: migrate it (`k8s-inventory sync` and the DAG's migrate task do)"
    yield Finding(subject="database", check="migrated", good=not missing, detail=detail)


def examine_context(client: Client, names: Sequence[str]) -> Iterator[Finding]:
    """Whether a context's resources can be synced.

    :param names: the resources, as `run` takes them.
    """
    context = client.context.name
    try:
        version = msgspec.json.decode(client.get("/version"), type=dict[str, object]).get("gitVersion")
        yield Finding(
            subject=context, check="reachable", good=True, detail=f"{client.context.server}, Kubernetes {version}"
        )
        yield Finding(subject=context, check="who am I", good=True, detail=access.who_am_i(client))
    except (ScopeError, InventoryError) as error:
        yield Finding(subject=context, check="reachable", good=False, detail=str(error))
        return
    yield _identity(client)
    for name in names:
        yield _resource(client, resources.canonical(name))


def _identity(client: Client) -> Finding:
    try:
        uid = cluster.identify(client).uid
    except ScopeError as error:
        return Finding(subject=client.context.name, check="identity", good=False, detail=str(error))
    return Finding(subject=client.context.name, check="identity", good=True, detail=f"cluster {uid}")


def _resource(client: Client, name: str) -> Finding:
    check = f"may list {name}"
    try:
        resource = _find(client, name)
        if resource is None:
            return Finding(subject=client.context.name, check=check, good=True, detail="not served: will be absent")
        allowed, reason = access.may_list(client, resource)
    except InventoryError as error:
        return Finding(subject=client.context.name, check=check, good=False, detail=str(error))
    detail = "yes" if allowed else f"no: grant get and list on {resource.name}{f' ({reason})' if reason else ''}"
    return Finding(subject=client.context.name, check=check, good=allowed, detail=detail)


def _find(client: Client, name: str) -> Resource | None:
    if name == "clusters":
        # Its row needs the nodes to be counted; the rest is readable by everyone, or was checked as identity.
        return resources.CATALOGUE["nodes"].resource
    definition = resources.CATALOGUE.get(name)
    if definition is None:
        return discovery.discover(client).find(name)
    return definition.resource if discovery.serves(client, definition.resource) else None
