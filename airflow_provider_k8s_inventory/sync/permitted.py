"""Find the namespaces in which resources may be listed, for users who may not list them in all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import ScopeError
from airflow_provider_k8s_inventory.kube import access
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Resource
from airflow_provider_k8s_inventory.postgres import inventoried
from airflow_provider_k8s_inventory.sync import namespaces
from airflow_provider_k8s_inventory.sync.threads import thread_pool

MOST: Final = 200
"""Namespaces that are looked at. Each costs one request for each resource."""
_AT_A_TIME: Final = 4


def where(
    client: Client, lacking: Sequence[Resource], conn: psycopg.Connection | None, schema: str
) -> dict[str, list[str]]:
    """Find the namespaces in which each resource may be listed, in order.

    :param lacking: the resources that may not be listed in all namespaces.
    :param conn: a connection to the database, whose rows know of namespaces where nobody may list them.
    :param schema: the schema of the tables.
    :returns: by the canonical name of the resource; one that may be listed nowhere has none.
    :raises ScopeError: when the cluster does not respond.
    """
    known = _known(client, conn, schema)
    with thread_pool(_AT_A_TIME, "k8s-inventory-access") as pool:
        asked = {
            resource: [(name, pool.submit(access.may_list, client, resource, name)) for name in known]
            for resource in lacking
        }
        return {
            resources.FULL_NAMES.get(resource.name, resource.name): [name for name, may in found if may.result()[0]]
            for resource, found in asked.items()
        }


def _known(client: Client, conn: psycopg.Connection | None, schema: str) -> list[str]:
    """List the namespaces as far as anybody tells their names: the cluster, or else the kubeconfig and the rows."""
    with suppress(ScopeError):
        return sorted(namespaces.listed(client))[:MOST]
    context = client.context
    found = {context.namespace or "default", "default"}
    with suppress(psycopg.Error):
        if conn:
            found.update(inventoried.namespaces(conn, schema, context.name))
    return sorted(found)[:MOST]


def arguments(found: dict[str, list[str]], asked: Iterable[str]) -> str | None:
    """Write the arguments that narrow a sync to these namespaces; None: there are none.

    :param found: as `where` gives them.
    :param asked: the canonical names of all resources in namespaces that are asked for.
    """
    same = {tuple(names) for names in found.values()}
    if len(same) == 1 and set(found) == set(asked):
        values = list(same.pop())
    else:
        values = [f"{resource}:{name}" for resource, names in found.items() for name in names]
    return " ".join(f"--namespace {value}" for value in values) or None
