"""Guard rows against a response that is complete, well-formed and wrong: a proxy's, or that of a server that lags.

A scope that would lose much is listed a second time, over new connections; what only a person can approve is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import NotServedError, RefusedError, ResponseError
from airflow_provider_k8s_inventory.kube import cluster, versions
from airflow_provider_k8s_inventory.model import Page
from airflow_provider_k8s_inventory.postgres import diff, rows
from airflow_provider_k8s_inventory.postgres.diff import Difference
from airflow_provider_k8s_inventory.sync.collection import Collection
from airflow_provider_k8s_inventory.sync.found import Found
from airflow_provider_k8s_inventory.sync.settings import Settings
from airflow_provider_k8s_inventory.sync.storing import Store

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """The check of a difference before it is applied."""

    collection: Collection
    store: Store
    settings: Settings
    replaces: bool
    """Whether the rows are of another cluster, whose place this one was allowed to take."""

    def check(self, found: Found, difference: Difference, *, before: int, deleted: int = 0) -> None:
        """Check what would be deleted.

        :param before: the live rows of the scope.
        :param deleted: how many rows the sync has deleted already.
        :raises RefusedError: when the loss takes a person to approve.
        :raises ResponseError: when the cluster, asked again, does not say the same.
        """
        going = difference.deletes
        if self.store.writing.aged_by and not self.replaces:
            return  # by the clock, and not by the response
        self._check_bound(going, before, deleted)
        if found.absence:
            if going:
                self._check_absence(going, before)
        # A watch told deletions one by one: however many, that is no mass deletion.
        elif found.seen is not None and _is_large(going, before):
            if not self._is_approved:
                self._check_loss(found, found.seen, going, before)
            self._list_again(found)

    def _check_bound(self, going: int, before: int, deleted: int) -> None:
        most = self.settings.max_deletes
        if most is not None and deleted + going > most:
            told = f" beside {deleted} that were told one by one" if deleted else ""
            raise RefusedError(
                f"{self._loss(going, before)}{told}, and max_deletes (--max-deletes) allows {most}: nothing was "
                "changed. Look at the cluster, then allow more"
            )

    @property
    def _is_approved(self) -> bool:
        """Tell if a person approved of a large loss beforehand."""
        return self.settings.allow_mass_delete or self.settings.max_deletes is not None or self.replaces

    def _check_loss(self, found: Found, size: int, going: int, before: int) -> None:
        for doubt in self._doubts(found, size):
            raise RefusedError(f"{self._loss(going, before)}, but {doubt}: nothing was changed. {_LEVERS}")
        if before > GUARD_ROWS and size < before * GUARD_SHARE:
            raise RefusedError(f"{self._loss(going, before)}: nothing was changed. It has {size} objects. {_LEVERS}")

    def _loss(self, going: int, before: int) -> str:
        target = self.store.target
        return (
            f"the complete response would delete {going} of {before} rows of {target.table.name} "
            f"(context {target.context_name}){self._replacing}"
        )

    @property
    def _replacing(self) -> str:
        """Name the other selection that the rows are of."""
        if not self.store.replaced:
            return ""
        were = " and ".join(each or "all" for each in self.store.replaced)
        return f", which were of another selection ({were}) than now ({self.collection.scope.selection or 'all'})"

    def _doubts(self, found: Found, size: int) -> Iterator[str]:
        """Give the reasons to doubt a response that is complete and well-formed."""
        yield from found.doubts
        whole = not self.collection.scope.selection
        if not size and whole and (reason := _NEVER_EMPTY.get(self.collection.name)):
            yield reason
        yield from self._unidentified()

    def _unidentified(self) -> Iterator[str]:
        if self.collection.resolved.cluster_uid is None:
            for each in rows.provenance(self.store.cursor, self.store.target):
                if each.cluster_uid:
                    yield f"nothing tells whether this is still cluster {each.cluster_uid}"

    def _check_absence(self, going: int, before: int) -> None:
        if not self._is_approved:
            if self.collection.name in resources.CATALOGUE:
                raise ResponseError(
                    f"context {self.collection.client.context.name}: neither lists nor discovery have "
                    f"{self.collection.name} any more, which every Kubernetes has: the {going} rows stay. Look at the "
                    "load balancers and proxies in front of the API servers; if it serves them no more, run again "
                    "with allow_mass_delete=True (--allow-mass-delete)"
                )
            for doubt in self._unidentified():
                raise RefusedError(f"{self._loss(going, before)}, but {doubt}: nothing was changed. {_LEVERS}")
        with self.collection.with_new_connections() as again:
            self._identify_again(again)
            try:
                next(again.pages(), None)
            except NotServedError:
                again.prove_absent()
            else:
                raise self._unsteady(f"at first it had no {self.collection.name}, then it listed them")

    def _list_again(self, found: Found) -> None:
        """List the scope over new connections: nothing that is gone may be there, and the state may not be older."""
        with self.collection.with_new_connections() as again:
            self._identify_again(again)
            for page in again.pages():
                self._compare(page, found)
            self._identify_again(again)

    def _identify_again(self, again: Collection) -> None:
        """Check that it is still the same cluster: another one has none of the objects there were.

        :raises ResponseError: when two clusters take turns behind one address, or this one was built anew just now.
        """
        uid = self.collection.resolved.cluster_uid
        if uid and (now := cluster.identify(again.client).uid) != uid:
            raise self._unsteady(f"at first it was cluster {uid}, then {now}")

    def _compare(self, page: Page, found: Found) -> None:
        if versions.precedes(page.resource_version, found.resource_version or ""):
            raise self._unsteady("its second list is older than its first")
        store = self.store
        if there := diff.count_deletes(store.cursor, store.writing, self._keys(page)):
            raise self._unsteady(
                f"of the objects its first list of {self.collection.name} lacked, {there} are in the second"
            )

    def _keys(self, page: Page) -> dict[str, str]:
        """Map the keys that rows of these objects may have to the objects' names.

        Where objects share a uid, some rows have it for a key, and others the uid and the name.
        """
        keys: dict[str, str] = {}
        for uid, *names in self.store.reader().rows(page):
            name = "/".join(filter(None, names[: 1 + self.store.target.table.namespaced]))
            keys |= {uid: name, f"{uid}/{name}": name}
        return keys

    def _unsteady(self, difference: str) -> ResponseError:
        return ResponseError(
            f"context {self.collection.client.context.name}: asked twice, the cluster did not say the same, so nothing "
            f"was changed; look at the load balancers and proxies in front of the API servers: {difference}"
        )


def _is_large(going: int, before: int) -> bool:
    """Tell if so much would go that one response is not enough."""
    return going > 0 and (going >= before or (before >= DOUBTED_ROWS and going > before / 2))
