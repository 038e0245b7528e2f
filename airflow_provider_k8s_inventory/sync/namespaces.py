"""Find the namespaces that globs of a selection mean in a cluster."""

from __future__ import annotations

import re
from dataclasses import replace

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import ForbiddenError, UnresolvedError
from airflow_provider_k8s_inventory.kube import metadata
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.listing import PAGE_SIZE
from airflow_provider_k8s_inventory.model import Selection


def named(client: Client, selection: Selection) -> Selection:
    """Replace the globs of a selection by the names of the namespaces that a cluster has now.

    :raises ForbiddenError: when the namespaces may not be listed.
    :raises UnresolvedError: when there is none that they match.
    :raises ScopeError: when the cluster does not respond.
    """
    if not selection.is_open:
        return selection
    pattern = re.compile(selection.namespace_pattern or "")
    found = tuple(filter(pattern.fullmatch, listed(client)))
    if not found:
        raise UnresolvedError(
            f"context {client.context.name}: no namespace matches {', '.join(selection.namespaces)}, so nothing was "
            "changed: correct the globs, or leave them out"
        )
    return replace(selection, namespaces=found)


def listed(client: Client) -> list[str]:
    """List the names of all namespaces.

    :raises ScopeError: when the cluster does not say.
    """
    resource = resources.CATALOGUE["namespaces"].resource
    try:
        pages = metadata.pages(client, resource.path(), limit=PAGE_SIZE, expected=resource)
        return [seen.name for page in pages for seen in page.items]
    except ForbiddenError as error:
        raise ForbiddenError(
            f"{error}; globs and exclusions of namespaces need the right to list them: grant it, or write the names"
        ) from error
