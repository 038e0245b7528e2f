"""The resources that are kept: one module of `builtin` for each, its columns declared by path. Here is their catalogue.

Nothing here knows a client or a driver; how rows are made of bytes is in `sync.rows`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Final, NamedTuple

from airflow_provider_k8s_inventory.exceptions import UnknownResourceError
from airflow_provider_k8s_inventory.model import Definition, Table
from airflow_provider_k8s_inventory.resources import builtin, custom
from airflow_provider_k8s_inventory.resources.groups import GROUPS as GROUPS

DEFAULT: Final = ("clusters", "namespaces", "pods", "deployments", "services", "crds")
"""What is synced when nothing else is asked for."""


_FIRST: Final = ("clusters", "namespaces", "nodes", "pods", "deployments", "services", "crds")
"""The order in which people look at them; others follow by name."""


def _declared() -> Iterator[Definition]:
    """Find the declarations: the modules of `builtin` that have a ``DEFINITION``."""
    for module in iter_modules(builtin.__path__):
        definition = getattr(import_module(f"{builtin.__name__}.{module.name}"), "DEFINITION", None)
        if isinstance(definition, Definition):
            yield definition


def _catalogue() -> dict[str, Definition]:
    by_name = {definition.name: definition for definition in _declared()}
    return {name: by_name[name] for name in (*_FIRST, *sorted(by_name.keys() - set(_FIRST)))}


CATALOGUE: Final[Mapping[str, Definition]] = MappingProxyType(_catalogue())
"""The resources with a table of their own, by name."""

TABLES: Final[tuple[Table, ...]] = (*(definition.table for definition in CATALOGUE.values()), custom.TABLE)
"""Every table, in the order they are created and listed."""

FULL_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        full: name
        for name, definition in CATALOGUE.items()
        for full in (
            definition.resource.name,
            *(f"{definition.resource.plural}.{group}" for group in definition.also_in),
        )
    }
)
"""The names of the catalogue by those that kubectl writes: ``deployments.apps``, and of events ``events.events.k8s.io``
as well."""

BY_TABLE: Final[Mapping[str, Definition]] = MappingProxyType(
    {definition.table.name: definition for definition in CATALOGUE.values()}
)
"""The resources of the catalogue by the names of their tables."""

NAMES: Final[Mapping[str, str]] = {
    written: definition.name
    for definition in CATALOGUE.values()
    for alias in (definition.name, *definition.aliases)
    for written in (
        alias,
        *(f"{alias}.{group}".rstrip(".") for group in (definition.resource.group, *definition.also_in)),
    )
}


_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_WELL_FORMED: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_GLOB: Final = re.compile(r"(?!!)[-a-z0-9.*?!\[\]]+")
_EXCLUDED: Final = "!"
# https://kubernetes.io/docs/reference/using-api/#api-versioning
_VERSIONED: Final = re.compile(r"(?P<word>[^.]+)\.(?P<version>v\d+((alpha|beta)\d+)?)(\.(?P<group>.+))?")


class Asked(NamedTuple):
    """A resource as somebody wrote it, as far as it is known without asking a cluster."""

    name: str
    """The one name of the resource as the ledger writes it, where that is known; else what was written."""
    version: str | None = None
    """The version it is to be read in; None: the one the cluster prefers."""

    @property
    def certain(self) -> bool:
        """Whether the name is the ledger's; a name without a group that is not of Kubernetes may be a short name."""
        return self.name in CATALOGUE or self.name in NAMES or "." in self.name

    def __str__(self) -> str:
        """As kubectl takes it."""
        word, _, group = self.name.partition(".")
        return f"{word}.{self.version}.{group}" if self.version else self.name


def is_glob(name: str) -> bool:
    """Tell if a name stands for those it matches: a glob or a group, or several of them with commas between."""
    return not is_exclusion(name) and any(
        word in GROUPS or any(character in word for character in "*?[") for word in name.split(", ")
    )


def is_exclusion(name: str) -> bool:
    """Tell if a name leaves out what it means."""
    return name.lstrip().startswith(_EXCLUDED)


def excluded(name: str) -> str:
    """Return the name, glob or group that an exclusion leaves out."""
    return name.strip().removeprefix(_EXCLUDED)


def matches(glob: str, name: str) -> bool:
    """Tell if a glob or a group means a resource, by its name in full or as people call it.

    :param glob: a glob or a group in small letters.
    :param name: a canonical name without a version.
    """
    if glob in GROUPS:
        return FULL_NAMES.get(name, name) in GROUPS[glob]
    full = CATALOGUE[name].resource.name if name in CATALOGUE else name
    return any(fnmatchcase(written, glob) for written in (name, full, full.partition(".")[0]))


def asked(name: str) -> Asked:
    """Read what somebody wrote.

    :param name: plural, singular, short name or kind, alone, as ``NAME.GROUP`` or as ``NAME.VERSION.GROUP``; a glob; a
        group such as ``workloads``; or an exclusion: any of these behind a ``!``. An exclusion has no version.
    :raises UnknownResourceError: when no cluster can serve it, or it is never stored.
    """
    if is_exclusion(name):
        return Asked(_EXCLUDED + _asked(excluded(name), name).name)
    return _asked(name, name)


def _asked(name: str, whole: str) -> Asked:
    """Read a name, glob or group.

    :param whole: what was written, for messages.
    """
    written = name.strip().lower()
    if is_glob(written) and written not in GROUPS:
        if not _GLOB.fullmatch(written):
            raise UnknownResourceError(f"{whole!r} matches no resource: their names are letters, digits, '-' and '.'")
        return Asked(written)
    written = written.removesuffix(".")  # kubectl's way to say that it is of the core group
    if not _WELL_FORMED.fullmatch(written):
        below = "what stands below an object (pods/log) and single objects (pod/web) are not synced, and " * (
            "/" in written
        )
        raise UnknownResourceError(
            f"{whole!r} cannot be a resource: {below}its name is letters, digits and '-', with its group behind a dot: "
            f"{', '.join(CATALOGUE)}, certificates.cert-manager.io"
        )
    versioned = _VERSIONED.fullmatch(written)
    version = versioned["version"] if versioned else None
    if versioned:
        written = ".".join(filter(None, (versioned["word"], versioned["group"])))
    if version and written in GROUPS:
        raise UnknownResourceError(f"{whole!r}: {written} is a group of resources, and has no version: leave it out")
    return _catalogue_matches(NAMES.get(written, written), version, whole)


def _catalogue_matches(name: str, version: str | None, written: str) -> Asked:
    if name not in CATALOGUE:
        return Asked(name, version)
    resource = CATALOGUE[name].resource
    if version not in (None, resource.version):
        raise UnknownResourceError(
            f"{written!r}: the table of {name} is made for {resource.api_version}: leave the version out"
        )
    return Asked(name)


def canonical(name: str) -> str:
    """Return the one name of a resource, as the ledger writes it, as far as it is known without asking a cluster.

    :param name: as for `asked`.
    :raises UnknownResourceError: as `asked`.
    """
    return asked(name).name


def table_of(name: str) -> Table:
    """Return the table that holds a resource.

    :param name: a canonical name.
    """
    return CATALOGUE[name].table if name in CATALOGUE else custom.TABLE
