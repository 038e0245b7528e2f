"""What we keep: one module per resource, its table and its reading side by side; here is the catalogue of them.

Nothing here knows a client or a driver; how rows are made of bytes is in `sync.rows`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from airflow_provider_k8s_inventory.exceptions import UnknownResourceError
from airflow_provider_k8s_inventory.model import Definition, Table
from airflow_provider_k8s_inventory.resources import (
    clusters,
    crds,
    custom,
    deployments,
    namespaces,
    nodes,
    pods,
    services,
)

CATALOGUE: Final[Mapping[str, Definition]] = MappingProxyType(
    {
        module.DEFINITION.name: module.DEFINITION
        for module in (clusters, namespaces, nodes, pods, deployments, services, crds)
    }
)
"""The resources with a table of their own, by name."""

DEFAULT: Final = ("clusters", "namespaces", "pods", "deployments", "services", "crds")
"""What is synced when nothing else is asked for."""

TABLES: Final[tuple[Table, ...]] = (*(definition.table for definition in CATALOGUE.values()), custom.TABLE)
"""Every table, in the order they are created and listed."""

_NAMES: Final[Mapping[str, str]] = {
    alias: definition.name
    for definition in CATALOGUE.values()
    for alias in (definition.name, definition.resource.name, *definition.aliases)
}


# The groups of custom resources are domain names; `apps` and `batch` are Kubernetes' own.
_CUSTOM: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+){2,}")


def canonical(name: str) -> str:
    """The one name of a resource, as the ledger writes it.

    :param name: a name of the catalogue, an alias (``po``, ``deployments.apps``), or the full name of a custom
        resource (``certificates.cert-manager.io``), which only a cluster can know.
    :raises UnknownResourceError: when it can be neither; the message has the nearest names.
    """
    wanted = name.strip().lower()
    if wanted in _NAMES:
        return _NAMES[wanted]
    if _CUSTOM.fullmatch(wanted):
        return wanted
    near = difflib.get_close_matches(wanted, _NAMES, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(dict.fromkeys(_NAMES[match] for match in near))}? " if near else ""
    raise UnknownResourceError(
        f"unknown resource {name!r}: {hint}known are {', '.join(CATALOGUE)}, "
        "and custom resources by their full name, such as certificates.cert-manager.io"
    )
