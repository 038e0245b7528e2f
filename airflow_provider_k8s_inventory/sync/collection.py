"""The objects of one scope as its cluster serves them: each way to read them, for the modes to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import ForbiddenError, NotServedError, ResponseError
from airflow_provider_k8s_inventory.kube import cluster, discovery, listing, metadata, watching
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Changes, Endpoint, MetadataPage, Page, Resource, Scope, Seen
from airflow_provider_k8s_inventory.resources.shared import own_values
from airflow_provider_k8s_inventory.sync.found import Absence
from airflow_provider_k8s_inventory.sync.progress import Progress
from airflow_provider_k8s_inventory.sync.resolving import Resolved
from airflow_provider_k8s_inventory.sync.threads import prefetch

METADATA_PER_OBJECT: Final = 2
"""How many objects' metadata take the place of one whole object in a page: half of it may be managedFields."""
_MORE_THAN_ONE: Final = 2
"""The limit of a list of one: a second object shows a server that does not select."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """The objects of a scope. What is read is counted; the next page is fetched while one is written."""

    client: Client
    resolved: Resolved
    page_size: int
    """Objects per request, at most."""
    progress: Progress

    @property
    def scope(self) -> Scope:
        """The scope."""
        return self.resolved.scope

    @property
    def resource(self) -> Resource:
        """The API endpoint."""
        return self.resolved.definition.resource

    @property
    def name(self) -> str:
        """The resource's name, for messages."""
        return self.resolved.definition.name

    def pages(self) -> Iterator[Page]:
        """List whole objects; the list is complete when the iterator ends. Of several namespaces, one after another.

        :raises NotServedError: when the cluster has no such path, which is not yet a proof of absence.
        :raises ExpiredError: when the snapshot expired before the end.
        :raises ScopeError: when the response does not get complete.
        """
        for page in prefetch(self._pages()):
            self.progress.count(page)
            yield page

    def _pages(self) -> Iterator[Page]:
        if self.resolved.identity:
            yield from cluster.pages(self.client, self.resolved.identity, limit=self.page_size)
            return
        for endpoint in self.scope.selection.endpoints(self.resource):
            yield from listing.pages(self.client, *endpoint, limit=self.page_size, expected=self.resource)

    def metadata(self, *, at: str | None = None) -> Iterator[MetadataPage]:
        """List the objects' metadata; complete when the iterator ends. Only of a scope that is one list.

        :param at: list what was there at exactly this resourceVersion; None: what is there now.
        :raises ScopeError: as `pages`.
        """
        limit = self.page_size * METADATA_PER_OBJECT
        for page in prefetch(metadata.pages(self.client, *self._endpoint, limit=limit, at=at, expected=self.resource)):
            self.progress.count(page)
            yield page

    def changes(self, *, since: str, until: str) -> Iterator[Changes]:
        """Watch the changes after one resourceVersion up to another. Only of a scope that is one list.

        :raises UnprovenError: when nothing proves that every change has come.
        :raises ExpiredError: when the server does not remember so far back.
        :raises ScopeError: as `pages`.
        """
        for piece in prefetch(
            watching.changes(self.client, *self._endpoint, since=since, until=until, expected=self.resource)
        ):
            self.progress.count(piece)
            yield piece

    def current_version(self) -> str:
        """Ask for the resourceVersion of the scope's list now."""
        return listing.current_version(self.client, self.resource, self.scope.selection)

    def list_one(self, seen: Seen, *, not_older_than: str) -> Page:
        """List the one object of a name; the caller counts it.

        A list of one, and not the object's own path: what is not in a list is proven gone, and a name may hold a slash.

        :param not_older_than: a resourceVersion that the server has told.
        """
        (endpoint,) = self.scope.selection.narrowed(seen.namespace).endpoints(self.resource)
        return next(
            listing.pages(
                self.client,
                *endpoint.named(seen.name),
                limit=_MORE_THAN_ONE,
                not_older_than=not_older_than,
                expected=self.resource,
            )
        )

    def prove_absent(self) -> Absence:
        """Ask discovery whether a cluster that had no path for the resource really does not serve it.

        :raises ResponseError: when it does serve it, or cannot tell.
        """
        context, name = self.client.context.name, self.resource.name
        if discovery.serves(self.client, self.resource):
            raise ResponseError(
                f"context {context}: discovery names {name}, but listing it gives 404: "
                "it is being set up or removed; run again"
            )
        if self._is_defined():
            raise ResponseError(
                f"context {context}: {name} is defined, but discovery does not name it: "
                "it is being set up or removed, or one of several API servers lags behind; run again"
            )
        return Absence(f"context {context} does not serve {name}")

    def _is_defined(self) -> bool:
        """Tell if a definition says that the cluster serves the custom resource, as far as we may read them."""
        crds = resources.CATALOGUE["crds"]
        endpoint = Endpoint(crds.resource.path()).named(self.resource.name)
        try:
            pages = list(listing.pages(self.client, *endpoint, limit=1, expected=crds.resource))
        except (ForbiddenError, NotServedError):
            return False
        found = (own_values(crds, item) for page in pages for item in page.items)
        return any(values["established"] and values["served_versions"] for values in found)

    @contextmanager
    def with_new_connections(self) -> Iterator[Collection]:
        """Read the same objects over new connections, which may lead to another API server of the cluster."""
        with self.client.with_new_connections() as client:
            yield replace(self, client=client)

    @property
    def _endpoint(self) -> Endpoint:
        (endpoint,) = self.scope.selection.endpoints(self.resource)
        return endpoint
