"""Which resources names and globs mean in one context: those of the catalogue, and the custom ones it has or had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UnknownResourceError
from airflow_provider_k8s_inventory.kube import listing, metadata
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.postgres import sessions
from airflow_provider_k8s_inventory.resources import custom

_CRDS: Final = resources.CATALOGUE["crds"].resource


def is_glob(name: str) -> bool:
    """Whether a name stands for those it matches."""
    return any(character in name for character in "*?[")


def checked(names: Sequence[str]) -> list[str]:
    """The names in their canonical form, each once, and the globs as they are.

    :raises UnknownResourceError: for a name that is none, and a glob that can match nothing.
    """
    of_catalogue(names)
    return list(dict.fromkeys(name if is_glob(name) else resources.canonical(name) for name in names))


def of_catalogue(names: Sequence[str]) -> list[str]:
    """The canonical names that are known without asking a cluster, each once, in the order they were asked for.

    :param names: names and globs.
    :raises UnknownResourceError: for a name that is none, and a glob that can match nothing.
    """
    found: dict[str, None] = {}
    for name in names:
        if not is_glob(name):
            found[resources.canonical(name)] = None
            continue
        matching = _of_catalogue(name)
        if not matching and "." not in name:
            known = ", ".join(resources.CATALOGUE)
            raise UnknownResourceError(f"no resource matches {name!r}: known are {known}, and custom resources")
        found |= dict.fromkeys(matching)
    return list(found)


def _of_catalogue(glob: str) -> list[str]:
    # `*.apps` means deployments, which have a short name here.
    return [
        definition.name
        for definition in resources.CATALOGUE.values()
        if fnmatchcase(definition.name, glob) or fnmatchcase(definition.resource.name, glob)
    ]


def matches(glob: str, found: Iterable[str]) -> bool:
    """Whether a glob means something: of the catalogue, or of what was found."""
    return bool(_of_catalogue(glob) or _matching(found, [glob]))


def defined(client: Client, names: Sequence[str]) -> list[str]:
    """The custom resources that globs match, of those the cluster defines.

    :param names: names and globs; only the globs count.
    :raises ScopeError: when the cluster does not say what it defines.
    """
    return _matching(_definitions(client), filter(is_glob, names))


def kept(conn: psycopg.Connection, schema: str, context_name: str, names: Sequence[str]) -> list[str]:
    """The custom resources that globs match, of those a context has rows of.

    Of one that is no longer defined the rows would else stay for ever: only a sync proves that it is absent.

    :param names: names and globs; only the globs count.
    :raises psycopg.Error: when the rows cannot be read.
    """
    query = sql.SQL("SELECT DISTINCT resource FROM {} WHERE context_name = %s").format(
        sql.Identifier(schema, custom.TABLE.name)
    )
    with sessions.transaction(conn) as cursor:
        rows = cursor.execute(query, [context_name]).fetchall()
    return _matching((row[0] for row in rows), filter(is_glob, names))


def _definitions(client: Client) -> Iterator[str]:
    """A CustomResourceDefinition's name is the full name of its resource."""
    for page in metadata.pages(client, _CRDS.path(), limit=listing.PAGE_SIZE):
        for item in page.items:
            yield item.name


def _matching(names: Iterable[str], globs: Iterable[str]) -> list[str]:
    globs = list(globs)
    return [name for name in names if any(fnmatchcase(name, glob) for glob in globs)]
