"""Remove the rows of objects that are gone, once a large loss was doubted as far as that can be done.

A response may be complete, well-formed and wrong: a proxy's, or that of an API server that lags behind. So a scope that
would lose much is asked a second time over new connections; the guard refuses what only a person can approve.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import AnswerError, NotServedError, RefusedError
from airflow_provider_k8s_inventory.kube import cluster, versions
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.model import Page
from airflow_provider_k8s_inventory.postgres import loading
from airflow_provider_k8s_inventory.postgres.statements import EVERY, NAMED
from airflow_provider_k8s_inventory.sync import reading
from airflow_provider_k8s_inventory.sync.work import Work

GUARD_ROWS: Final = 100
"""The mass-delete guard leaves scopes of at most so many rows alone."""
GUARD_SHARE: Final = 0.5
"""The mass-delete guard refuses a response of less than this share of the objects there were."""
DOUBTED_ROWS: Final = 10
"""In scopes of fewer rows it is ordinary that more than half go; only the loss of all is asked for twice."""
_NEVER_EMPTY: Final = {
    "namespaces": "every API server keeps the namespaces default and kube-system",
    "services": "every API server keeps the service kubernetes in the namespace default",
}
_LEVERS: Final = (
    "If the cluster really lost them, run again with allow_mass_delete=True (--allow-mass-delete), "
    "or with max_deletes (--max-deletes) for a bound"
)


def unlisted(work: Work, gone: sql.Composable) -> None:
    """Remove the rows whose objects a complete list does not contain.

    `Tally.seen` is how many objects it has, each counted once.

    :param gone: `NOT_STAGED` or `NOT_SEEN` of `statements`.
    :raises RefusedError: when the loss takes a person to approve.
    :raises AnswerError: when the cluster, asked again, does not say the same.
    """
    going = loading.count_gone(work.cursor, work.target, gone)
    _bound(work, going)
    if _is_large(work, going):
        if not _approved(work):
            _guard(work, going)
        _ask_again(work, gone)
    _remove(work, gone, going)


def named(work: Work, uids: Sequence[str]) -> None:
    """Remove the rows whose deletion the API server told one by one: however many, that is no mass deletion.

    :raises RefusedError: when they are more than `max_deletes`.
    """
    going = loading.count_gone(work.cursor, work.target, NAMED, uids=uids)
    _bound(work, going)
    _remove(work, NAMED, going, uids)


def absent(work: Work) -> None:
    """Remove all rows of a resource that was proven absent.

    :raises RefusedError: when the loss takes a person to approve.
    :raises AnswerError: when a cluster that has no such path must have it, or has it when it is asked again.
    """
    going = loading.count_gone(work.cursor, work.target, EVERY)
    _bound(work, going)
    if going:
        if not _approved(work):
            _check_absence(work, going)
        with work.client.anew() as client:
            _identify_again(work, client)
            _prove_again(work, client)
    _remove(work, EVERY, going)


def _remove(work: Work, gone: sql.Composable, going: int, uids: Sequence[str] = ()) -> None:
    on_delete = work.settings.on_delete
    work.tally.deleted += loading.remove(work.cursor, work.target, gone, on_delete=on_delete, going=going, uids=uids)


def _bound(work: Work, going: int) -> None:
    most = work.settings.max_deletes
    if most is not None and work.tally.deleted + going > most:
        before = f" beside {work.tally.deleted} that were told one by one" if work.tally.deleted else ""
        raise RefusedError(
            f"{_loss(work, going)}{before}, and max_deletes (--max-deletes) allows {most}: nothing was changed. "
            "Look at the cluster, then allow more"
        )


def _is_large(work: Work, going: int) -> bool:
    """Tell if so much would go that one response is not enough."""
    rows = work.tally.rows
    return going > 0 and (going >= rows or (rows >= DOUBTED_ROWS and going > rows / 2))


def _approved(work: Work) -> bool:
    """Tell if a person approved of a large loss beforehand."""
    return work.settings.allow_mass_delete or work.settings.max_deletes is not None or work.replaces


def _guard(work: Work, going: int) -> None:
    rows, size = work.tally.rows, work.tally.seen
    for doubt in _doubts(work, size):
        raise RefusedError(f"{_loss(work, going)}, but {doubt}: nothing was changed. {_LEVERS}")
    if rows > GUARD_ROWS and size < rows * GUARD_SHARE:
        raise RefusedError(f"{_loss(work, going)}: nothing was changed. It has {size} objects. {_LEVERS}")


def _loss(work: Work, going: int) -> str:
    return (
        f"the complete response would delete {going} of {work.tally.rows} rows of {work.target.table.name} "
        f"(context {work.target.context_name})"
    )


def _doubts(work: Work, size: int) -> Iterator[str]:
    """Give the reasons to doubt a response that is complete and well-formed."""
    yield from work.tally.doubts
    if not size and not work.answer.namespaces and (reason := _NEVER_EMPTY.get(work.answer.definition.name)):
        yield reason
    yield from _unidentified(work)


def _unidentified(work: Work) -> Iterator[str]:
    if work.answer.cluster_uid is None:
        for each in loading.provenance(work.cursor, work.target):
            if each.cluster_uid:
                yield f"nothing tells whether this is still cluster {each.cluster_uid}"


def _check_absence(work: Work, going: int) -> None:
    definition = work.answer.definition
    if definition.name in resources.CATALOGUE:
        raise AnswerError(
            f"context {work.client.context.name}: neither lists nor discovery have {definition.name} any more, which "
            f"every Kubernetes has: the {going} rows stay. Look at the load balancers and proxies in front of the API "
            "servers; if it serves them no more, run again with allow_mass_delete=True (--allow-mass-delete)"
        )
    for doubt in _unidentified(work):
        raise RefusedError(f"{_loss(work, going)}, but {doubt}: nothing was changed. {_LEVERS}")


def _prove_again(work: Work, client: Client) -> None:
    try:
        next(work.answer.pages(client), None)
    except NotServedError:
        reading.prove_absent(client, work.answer.definition.resource)
    else:
        raise AnswerError(f"{_unsteady(work)}: at first it had no {work.answer.definition.name}, then it listed them")


def _ask_again(work: Work, gone: sql.Composable) -> None:
    """List the scope over new connections: nothing that is gone may be there, and the state may not be older."""
    with work.client.anew() as client:
        _identify_again(work, client)
        for page in work.answer.pages(client):
            work.tally.took(page)
            _compare(work, page, gone)
        _identify_again(work, client)


def _identify_again(work: Work, client: Client) -> None:
    """Check that it is still the same cluster: another one has none of the objects there were.

    :raises AnswerError: when two clusters take turns behind one address, or this one was built anew just now.
    """
    uid = work.answer.cluster_uid
    if uid and (now := cluster.identify(client).uid) != uid:
        raise AnswerError(f"{_unsteady(work)}: at first it was cluster {uid}, then {now}")


def _compare(work: Work, page: Page, gone: sql.Composable) -> None:
    if versions.precedes(page.resource_version, work.tally.resource_version or ""):
        raise AnswerError(f"{_unsteady(work)}: its second list is older than its first")
    if there := loading.count_gone(work.cursor, work.target, gone, among=_keys(work, page)):
        raise AnswerError(
            f"{_unsteady(work)}: of the objects its first list of {work.answer.definition.name} lacked, "
            f"{there} are in the second"
        )


def _keys(work: Work, page: Page) -> dict[str, str]:
    """The keys that rows of these objects may have, and the objects' names.

    Where objects share a uid, some rows have it for a key, and others the uid and the name.
    """
    keys: dict[str, str] = {}
    for uid, *names in work.reader().rows(page):
        name = "/".join(filter(None, names[: 1 + work.target.table.namespaced]))
        keys |= {uid: name, f"{uid}/{name}": name}
    return keys


def _unsteady(work: Work) -> str:
    return (
        f"context {work.client.context.name}: asked twice, the cluster did not say the same, so nothing was changed; "
        "look at the load balancers and proxies in front of the API servers"
    )
