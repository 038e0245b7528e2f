"""Compare the resourceVersion of a list with the one of the scope's last good sync: a cluster's only goes forward.

`kube.matching` checks that a list has one at all.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import ForbiddenError, NotServedError, ResponseError
from airflow_provider_k8s_inventory.kube import listing, versions
from airflow_provider_k8s_inventory.model import EVERYTHING
from airflow_provider_k8s_inventory.sync.collection import Collection

_TIMES: Final = 2
"""Requests over new connections: a load balancer leads them to one server after the other."""


def restored(collection: Collection, version: str, since: str) -> str | None:
    """Find the reason when a complete list is older than the scope's last one.

    One API server of several may lag behind. When all say the same, storage was restored from a backup: the list
    counts, with a warning, but a large loss takes a person to approve.

    :param version: the resourceVersion of the list.
    :param since: the one at which the rows were complete; empty when there is none.
    :returns: a sentence about the cluster that went back; None: it did not.
    :raises ResponseError: when the cluster is known to be further than the list.
    """
    if not versions.precedes(version, since):
        return None
    for now in _current_versions(collection):
        if versions.at_least(now, since):
            raise ResponseError(
                f"context {collection.client.context.name}: the list of {collection.name} is of resourceVersion "
                f"{version}, the rows are of {since}, and the cluster is at {now}: one of its API servers, or a "
                "proxy in front of them, lags behind; nothing was changed: run again"
            )
    return f"the resourceVersion of the cluster went back from {since} to {version}"


def _current_versions(collection: Collection) -> list[str]:
    """Ask over new connections; the versions that may be read."""
    found: list[str] = []
    for _ in range(_TIMES):
        with collection.with_new_connections() as again, suppress(ForbiddenError, NotServedError):
            found.append(again.current_version())
        if collection.name in resources.CATALOGUE:  # all of which have one storage
            namespaces = resources.CATALOGUE["namespaces"].resource
            with collection.with_new_connections() as again, suppress(ForbiddenError, NotServedError):
                found.append(listing.current_version(again.client, namespaces, EVERYTHING))
    return found
