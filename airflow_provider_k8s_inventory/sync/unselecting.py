"""Tell rows that only left the selection from those whose objects are gone.

A list that is narrowed by labels or fields lacks both alike, and a watch says DELETED of both. So those objects are
asked for without selectors.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Final

from airflow_provider_k8s_inventory.exceptions import (
    ResponseError,
)
from airflow_provider_k8s_inventory.model import Seen
from airflow_provider_k8s_inventory.postgres import diff, listed
from airflow_provider_k8s_inventory.postgres.diff import Difference
from airflow_provider_k8s_inventory.sync import keys
from airflow_provider_k8s_inventory.sync.collection import GIVEN_UP, Collection
from airflow_provider_k8s_inventory.sync.modes.metadata import checked
from airflow_provider_k8s_inventory.sync.storing import Store
from airflow_provider_k8s_inventory.sync.threads import thread_pool

log = logging.getLogger(__name__)

FEW: Final = 50
"""Up to so many objects are asked for one by one; of more, a list of the metadata of all is cheaper."""


def tell_apart(collection: Collection, store: Store, difference: Difference, *, requests: int) -> Difference:
    """Let the rows leave as unselected whose objects are there, or are not read any more.

    :param difference: the difference of a selection.
    :param requests: requests at a time.
    :raises ScopeError: when the cluster does not say.
    """
    selection, writing = collection.scope.selection, store.writing
    if store.replaced and selection.namespaces:
        within = selection.namespace_pattern
        difference = difference.unselecting(diff.unselect(store.cursor, writing, diff.OUTSIDE, within=within))
    if selection.selects and difference.deletes:
        difference = difference.unselecting(_there(collection, store, requests))
    return difference


def _there(collection: Collection, store: Store, requests: int) -> int:
    """Let the rows leave as unselected whose objects are there all the same; return how many."""
    departing = diff.departing(store.cursor, store.writing, FEW + 1)
    if len(departing) > FEW:
        try:
            with store.cursor.connection.transaction():
                return _listed(collection, store)
        except GIVEN_UP as error:
            log.info("%s; asking for %s one by one", error, collection.name)
        departing = diff.departing(store.cursor, store.writing)
    there = list(_asked_for(collection, departing, requests))
    return diff.unselect(store.cursor, store.writing, diff.NAMED, uids=there) if there else 0


def _listed(collection: Collection, store: Store) -> int:
    listed.start(store.cursor)
    for page in collection.widened().metadata():
        listed.add(store.cursor, map(checked, page.items))
    return diff.unselect(store.cursor, store.writing, diff.STILL_LISTED)


def _asked_for(collection: Collection, departing: Sequence[Seen], requests: int) -> Iterator[str]:
    """Ask for objects by their names; yield the keys of those that are there."""
    everything = collection.widened()
    with thread_pool(requests, "k8s-inventory-unselected") as pool:
        for seen, there in [(seen, pool.submit(_is_there, everything, seen)) for seen in departing]:
            if there.result():
                yield seen.uid


def _is_there(everything: Collection, seen: Seen) -> bool:
    page = everything.list_one(seen)
    if page.token or page.null:
        raise ResponseError(
            f"context {everything.client.context.name}: the API server does not select {everything.name} by name, so "
            "whether objects are gone or only left the selection cannot be told: sync them without selectors"
        )
    # Where objects share a uid, the key has a name behind it.
    return any(seen.uid.partition("/")[0] == keys.uid_of(item).partition("/")[0] for item in page.items)
