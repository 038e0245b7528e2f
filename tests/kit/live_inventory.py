"""A live cluster and the database it is synced into: the two sides that conformance tests compare.

What the rows must be is in `expected_rows`, what is put into the cluster in `populating`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from tests.kit.cluster import LiveCluster
from tests.kit.custom_resources import WIDGET_RESOURCE
from tests.kit.inventory import Inventory
from tests.kit.syncer import SHORT_WAIT, Syncer

T = TypeVar("T")
Object = dict[str, Any]

PATHS = {
    **{name: definition.resource.path() for name, definition in resources.CATALOGUE.items() if definition.listed},
    WIDGET_RESOURCE.name: WIDGET_RESOURCE.path,
}
"""The path that lists each resource."""
WITHOUT_UID: Final = frozenset({"componentstatuses"})
"""The resources whose objects have no uid; nobody can create them, and only a control plane has any."""
UNCACHED: Final = frozenset({"events"})
"""The resources that API servers read from their storage, whose watches bring no bookmarks in time.
https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubeapiserver/default_storage_factory_builder.go
"""


def syncer(cluster: LiveCluster, dsn: str, mode: str = "auto") -> Syncer:
    """Syncs of a cluster, through the administrator's context unless they name another."""
    return Syncer(
        lambda: kubeconfig.load([cluster.kubeconfig]).contexts,
        dsn,
        context=cluster.context,
        waits=SHORT_WAIT,
        mode=mode,
    )


class LiveInventory(Inventory):
    """The rows of one cluster.

    :param dsn: a database that was migrated.
    :param mode: how scopes are read, unless a sync says otherwise.
    """

    def __init__(self, cluster: LiveCluster, dsn: str, mode: str = "auto") -> None:
        super().__init__(dsn)
        self.cluster = cluster
        self.mode = mode
        self.sync = syncer(cluster, dsn, mode)

    def objects(self, resource: str) -> list[Object]:
        """The objects that the API lists, each with the type it has on its own."""
        answer = self.cluster.request("GET", PATHS[resource])
        kind = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
        return [kind | item for item in answer["items"]]

    def at_rest(self, action: Callable[[], T], *names: str) -> T:
        """Do something while the named resources do not change: controllers may still be at work on them."""
        for _ in range(100):
            before = [self.objects(name) for name in names]
            result = action()
            if [self.objects(name) for name in names] == before:
                return result
        raise AssertionError(f"{', '.join(names)} never stopped changing")
