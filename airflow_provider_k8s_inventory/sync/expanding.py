"""Which resources names and globs mean in one context: those of the catalogue, and the custom ones it has or had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import NotServedError, UnknownResourceError
from airflow_provider_k8s_inventory.kube import listing
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.resources import custom

_CRDS: Final = resources.CATALOGUE["crds"].resource
_PAGE_SIZE: Final = 1000


class _Metadata(msgspec.Struct, frozen=True, gc=False):
    name: str


class _Definition(msgspec.Struct, frozen=True):
    metadata: _Metadata


def is_glob(name: str) -> bool:
    """Whether a name stands for those it matches."""
    return any(character in name for character in "*?[")


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
        matching = _matching(resources.CATALOGUE, [name])
        if not matching and "." not in name:
            known = ", ".join(resources.CATALOGUE)
            raise UnknownResourceError(f"no resource matches {name!r}: known are {known}, and custom resources")
        found |= dict.fromkeys(matching)
    return list(found)


def of_cluster(client: Client, conn: psycopg.Connection, schema: str, names: Sequence[str]) -> list[str]:
    """The custom resources that globs match: those the cluster defines, and those it did when it was last synced.

    The latter would else keep their rows for ever: only a sync proves that they are absent.

    :param names: names and globs; only the globs count.
    :raises ScopeError: when the cluster does not say what it defines.
    :raises psycopg.Error: when the rows cannot be read.
    """
    globs = [name for name in names if is_glob(name)]
    if not globs:
        return []
    return sorted({*_matching(_defined(client), globs), *_matching(_kept(client, conn, schema), globs)})


def _defined(client: Client) -> Iterator[str]:
    """A CustomResourceDefinition's name is the full name of its resource."""
    try:
        for page in listing.pages(client, _CRDS.path(), limit=_PAGE_SIZE, metadata_only=True):
            for item in page.items:
                yield msgspec.json.decode(item, type=_Definition).metadata.name
    except NotServedError:
        return


def _kept(client: Client, conn: psycopg.Connection, schema: str) -> list[str]:
    query = sql.SQL("SELECT DISTINCT resource FROM {} WHERE context_name = %s").format(
        sql.Identifier(schema, custom.TABLE.name)
    )
    with conn.transaction():
        return [row[0] for row in conn.execute(query, [client.context.name]).fetchall()]


def _matching(names: Iterable[str], globs: Sequence[str]) -> list[str]:
    return [name for name in names if any(fnmatchcase(name, glob) for glob in globs)]
