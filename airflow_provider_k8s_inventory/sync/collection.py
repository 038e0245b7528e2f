"""The objects of one scope as its cluster serves them: each way to read them, for the modes to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import chain
from typing import Final

import msgspec

from airflow_provider_k8s_inventory import resources, selectors
from airflow_provider_k8s_inventory.exceptions import (
    ExpiredError,
    ForbiddenError,
    NotServedError,
    ResponseError,
    ScopeError,
    SelectorError,
    UnprovenError,
)
from airflow_provider_k8s_inventory.kube import cluster, discovery, listing, metadata, watching
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Changes, Endpoint, MetadataPage, Page, Resource, Scope, Seen, Selection
from airflow_provider_k8s_inventory.resources.shared import own_values
from airflow_provider_k8s_inventory.sync import keys
from airflow_provider_k8s_inventory.sync.found import Absence
from airflow_provider_k8s_inventory.sync.namespaces import named
from airflow_provider_k8s_inventory.sync.progress import Progress
from airflow_provider_k8s_inventory.sync.resolving import Resolved
from airflow_provider_k8s_inventory.sync.threads import prefetch

GIVEN_UP: Final[tuple[type[ScopeError], ...]] = (
    ResponseError,
    ExpiredError,
    ForbiddenError,
    NotServedError,
    UnprovenError,
)
"""Errors of one way to read that another may not meet: a server may refuse watches or lists of metadata, and still
allow a plain list."""
METADATA_PER_OBJECT: Final = 2
"""How many objects' metadata take the place of one whole object in a page: half of it may be managedFields."""
_MORE_THAN_ONE: Final = 2
"""The limit of a list of one: a second object shows a server that does not select."""


class _Labels(msgspec.Struct, frozen=True):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct, frozen=True):
    metadata: _Labels


_LABELLED: Final = msgspec.json.Decoder(_Labelled)


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """The objects of a scope. What is read is counted; the next page is fetched while one is written."""

    client: Client
    resolved: Resolved
    selection: Selection
    """The objects that are listed: those of the scope, in namespaces by their names."""
    page_size: int
    """Objects per request, at most."""
    progress: Progress
    managed: bool = False
    """Whether objects are to come with managedFields."""

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
            self._check_labels(page)
            yield page

    def _pages(self) -> Iterator[Page]:
        if self.resolved.identity:
            yield from cluster.pages(self.client, self.resolved.identity, limit=self.page_size)
            return
        try:
            for endpoint in self.selection.endpoints(self.resource):
                yield from listing.pages(
                    self.client, *endpoint, limit=self.page_size, expected=self.resource, managed=self.managed
                )
        except ResponseError as error:
            if error.http_status == HTTPStatus.BAD_REQUEST and self.selection.selects:
                raise self._refused(error) from error
            raise

    def _refused(self, error: ResponseError) -> SelectorError:
        return SelectorError(
            str(error).partition(f"; {error.advice}")[0],
            advice=f"correct the selector ({self.selection}), or write RESOURCE:SELECTOR for the resource that has "
            "these fields",
            http_status=error.http_status,
            kubernetes_reason=error.kubernetes_reason,
            request=error.request,
        )

    def _check_labels(self, page: Page) -> None:
        """Check that a server selects by labels; an aggregated one may list all, whatever is asked.

        :raises ResponseError: when it does not.
        """
        for item in page.items if self.selection.labels else ():
            with suppress(*keys.ODD):
                metadata = _LABELLED.decode(item).metadata
                if not selectors.matches(self.selection.labels, metadata.labels or {}):
                    raise SelectorError(
                        f"context {self.client.context.name}: asked for {self.name} of labels {self.selection.labels}, "
                        f"the API server listed {keys.name_of(item)} too: it does not select them by labels",
                        advice="leave the label selector out for this resource",
                    )

    def metadata(self, *, at: str | None = None) -> Iterator[MetadataPage]:
        """List the objects' metadata; complete when the iterator ends.

        :param at: list what was there at exactly this resourceVersion; None: what is there now.
        :raises ScopeError: as `pages`.
        """
        limit = self.page_size * METADATA_PER_OBJECT
        lists = (
            metadata.pages(self.client, *endpoint, limit=limit, at=at, expected=self.resource)
            for endpoint in self.selection.endpoints(self.resource)
        )
        for page in prefetch(chain.from_iterable(lists)):
            self.progress.count(page)
            yield page

    def changes(self, *, since: str, until: str) -> Iterator[Changes]:
        """Watch the changes after one resourceVersion up to another. Only of a scope that is one list.

        :raises UnprovenError: when nothing proves that every change has come.
        :raises ExpiredError: when the server does not remember so far back.
        :raises ScopeError: as `pages`.
        """
        (endpoint,) = self.selection.endpoints(self.resource)
        for piece in prefetch(
            watching.changes(self.client, *endpoint, since=since, until=until, expected=self.resource)
        ):
            self.progress.count(piece)
            yield piece

    def current_version(self) -> str:
        """Ask for the resourceVersion of the scope's list now."""
        return listing.current_version(self.client, self.resource, self.selection)

    def list_one(self, seen: Seen, *, not_older_than: str | None = None) -> Page:
        """List the one object of a name; the caller counts it.

        A list of one, and not the object's own path: what is not in a list is proven gone, and a name may hold a slash.

        :param not_older_than: a resourceVersion that the server has told; None: the object as it is now.
        """
        (endpoint,) = self.selection.narrowed(seen.namespace).endpoints(self.resource)
        return next(
            listing.pages(
                self.client,
                *endpoint.named(seen.name),
                limit=_MORE_THAN_ONE,
                not_older_than=not_older_than,
                expected=self.resource,
                managed=self.managed,
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
            yield replace(self, client=client, selection=named(client, self.scope.selection))

    def widened(self) -> Collection:
        """Read all objects of these namespaces, whatever their labels and fields."""
        return replace(self, selection=self.selection.widened())
