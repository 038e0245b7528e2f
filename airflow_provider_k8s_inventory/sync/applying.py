"""Apply what a mode found: diff, guard, history, and only then the table."""

from __future__ import annotations

from airflow_provider_k8s_inventory.postgres import diff
from airflow_provider_k8s_inventory.sync import unselecting
from airflow_provider_k8s_inventory.sync.found import Found, Outcome
from airflow_provider_k8s_inventory.sync.guard import Guard
from airflow_provider_k8s_inventory.sync.storing import Store


def apply(store: Store, guard: Guard, found: Found, *, before: int, deleted: int = 0) -> Outcome:
    """Make the scope's rows what a mode found.

    :param before: the live rows of the scope.
    :param deleted: how many rows the sync has deleted already.
    :raises RefusedError: when the loss takes a person to approve.
    :raises ResponseError: when the cluster, asked again, does not say the same.
    :raises DatabaseError: when a trigger keeps rows from being what the cluster says.
    """
    difference = diff.compute(store.cursor, store.writing, found.gone, staged=found.staged)
    guard.check(found, difference, before=before, deleted=deleted)
    if difference.deletes and not (found.absence or store.writing.aged_by):
        requests = guard.settings.max_parallel_requests
        difference = unselecting.tell_apart(guard.collection, store, difference, requests=requests)
    managed = store.historian.managed and found.staged
    store.historian.gather(store.cursor, store.writing, difference, managed=managed)
    counts = diff.apply(store.cursor, store.writing, difference)
    seen = difference.live(before) if found.seen is None else found.seen
    return Outcome(
        mode=found.mode,
        counts=counts.of(seen),
        resource_version=found.resource_version,
        absence=found.absence,
        warnings=found.warnings,
    )
