"""Choosing among the scopes that the database knows, by names and globs of contexts and resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Protocol, TypeVar

import psycopg

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UnknownResourceError
from airflow_provider_k8s_inventory.postgres import inventoried
from airflow_provider_k8s_inventory.sync import expanding
from airflow_provider_k8s_inventory.sync.exclusions import Exclusions


class Known(Protocol):
    """A scope, as some view has it."""

    @property
    def context_name(self) -> str:
        """The kubeconfig context."""

    @property
    def resource(self) -> str:
        """The canonical name of the resource."""


_K = TypeVar("_K", bound=Known)


def is_context(pattern: str, context_name: str) -> bool:
    """Tell whether a name or glob means a context; an exact name does, even with a glob's characters in it."""
    return pattern == context_name or fnmatchcase(context_name, pattern)


def is_resource(pattern: str, resource: str) -> bool:
    """Tell whether a name, alias, glob or group means a resource; a name without API group means any's."""
    wanted = _canonical(pattern)
    if resources.is_glob(wanted):
        return resources.matches(wanted, resource)
    return any(name in (pattern, wanted) for name in (resource, resource.partition(".")[0]))


def meaning(conn: psycopg.Connection, schema: str) -> Callable[[str], str]:
    """Return what gives the canonical name of a name, by what the database knows."""
    return partial(expanding.likely, known=partial(inventoried.lookup, conn, schema))


def choose(
    known: Iterable[_K],
    contexts: Sequence[str],
    names: Sequence[str],
    canonical: Callable[[str], str],
    *,
    exclude: Sequence[str] = (),
) -> list[_K]:
    """List the scopes that are asked for.

    :param known: all scopes.
    :param contexts: names or globs of contexts; empty: all.
    :param names: names, globs, groups and exclusions of resources; empty: all.
    :param canonical: what `meaning` returns.
    :param exclude: names or globs of contexts to leave out.
    """
    exclusions = Exclusions(names, canonical)
    wanted = [name for name in names if not resources.is_exclusion(name)]
    return [
        each
        for each in known
        if any(is_context(pattern, each.context_name) for pattern in contexts or "*")
        and not any(is_context(pattern, each.context_name) for pattern in exclude)
        and any(is_resource(pattern, each.resource) for pattern in wanted or "*")
        and exclusions.rest([each.resource])
    ]


def missing(chosen: Sequence[Known], contexts: Sequence[str], names: Sequence[str]) -> list[str]:
    """Name what was asked for and is in no scope: to be silent of it would be to call it well."""
    wanted = [name for name in names if not resources.is_exclusion(name)]
    if not (chosen or contexts or wanted):
        return ["No scope was ever synced."]
    of_contexts = (
        f"context {pattern}: never synced"
        for pattern in contexts
        if not any(is_context(pattern, each.context_name) for each in chosen)
    )
    of_resources = (
        f"resource {name}: never synced"
        for name in wanted
        if not any(is_resource(name, each.resource) for each in chosen)
    )
    return [*of_contexts, *of_resources]


def _canonical(name: str) -> str:
    try:
        return resources.canonical(name)
    except UnknownResourceError:
        return name
