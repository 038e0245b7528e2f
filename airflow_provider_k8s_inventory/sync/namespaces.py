"""Find the namespaces that globs of a selection mean in a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from airflow_provider_k8s_inventory import resources, selectors
from airflow_provider_k8s_inventory.exceptions import ForbiddenError, UnresolvedError
from airflow_provider_k8s_inventory.kube import metadata
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.listing import PAGE_SIZE
from airflow_provider_k8s_inventory.model import Selection


def named(client: Client, selection: Selection, warn: Callable[..., None] | None = None) -> Selection:
    """Replace the globs of a selection by the names of the namespaces that a cluster has now.

    :param warn: takes what a person should know: names and globs that are of no namespace beside others that are.
    :raises ForbiddenError: when the namespaces may not be listed.
    :raises UnresolvedError: when there is none that they match.
    :raises ScopeError: when the cluster does not respond.
    """
    if not selection.is_open:
        return selection
    pattern = re.compile(selection.namespace_pattern or "")
    every = listed(client)
    found = tuple(filter(pattern.fullmatch, every))
    if not found:
        raise UnresolvedError(
            f"context {client.context.name}: no namespace matches {', '.join(selection.namespaces)}, so nothing was "
            "changed: correct the globs, or leave them out"
        )
    if warn:
        warn(*_unmatched(client.context.name, selection, every))
    return replace(selection, namespaces=found)


def _unmatched(context_name: str, selection: Selection, every: Iterable[str]) -> Iterator[str]:
    """Warn of names and globs of which the cluster has no namespace: they may be misspelled."""
    names = set(every)
    for text in selection.namespaces:
        if text.startswith(selectors.EXCLUSION) or text in names:
            continue
        if not selectors.is_glob(text):
            yield missing(context_name, text)
        elif not any(map(re.compile(selectors.namespace_pattern([text])).fullmatch, names)):
            yield f"context {context_name} has no namespace that matches {text}"


def missing(context_name: str, name: str) -> str:
    """Say that a context has no namespace of a name."""
    return f"context {context_name} has no namespace {name}"


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
