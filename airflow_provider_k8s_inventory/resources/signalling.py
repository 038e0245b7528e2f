"""The resources whose changes may start a run: those that can be watched without asking the cluster what they are.

Watching them is in `kube.moves`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UnknownResourceError
from airflow_provider_k8s_inventory.model import Resource

DEFAULT: Final = tuple(name for name in resources.DEFAULT if name != "clusters")
"""The resources that are watched when nothing else is asked for."""


def find(names: Iterable[str]) -> dict[str, Resource]:
    """Look up the resources to watch, by their canonical names.

    :param names: of the catalogue, or of custom resources with their version: ``certificates.v1.cert-manager.io``.
    :raises UnknownResourceError: for any other one, and for one that changes all the time.
    """
    return dict(_find(name) for name in names)


def _find(name: str) -> tuple[str, Resource]:
    asked = resources.asked(name)
    definition = resources.CATALOGUE.get(asked.name)
    if definition is None:
        plural, _, group = asked.name.partition(".")
        if not (group and asked.version) or resources.is_glob(asked.name) or resources.is_exclusion(asked.name):
            raise UnknownResourceError(
                f"{name!r} cannot be watched for signals: name a resource with a table of its own, or a custom one "
                "with its version, as in certificates.v1.cert-manager.io"
            )
        return asked.name, Resource(group=group, version=asked.version, plural=plural, kind="", namespaced=True)
    if not (definition.history and definition.source == "list" and definition.resource.watchable):
        raise UnknownResourceError(
            f"{name!r} must not start runs: it changes all the time, or cannot be watched; sync it at intervals"
        )
    return asked.name, definition.resource
