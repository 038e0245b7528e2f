"""Discover the resources that a cluster serves.

Aggregated discovery needs two requests (Kubernetes 1.30, and 1.26 as beta), older servers one per group and version:
https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from airflow_provider_k8s_inventory.exceptions import OtherVersionError, ResponseError, ScopeError
from airflow_provider_k8s_inventory.kube.discovered import (
    Aggregated,
    Item,
    LegacyGroups,
    LegacyItem,
    LegacyResources,
)
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Resource

_ACCEPT: Final = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Discovery:
    """The resources that a cluster serves, and the groups that it could not tell."""

    resources: tuple[Resource, ...]
    """Every listable resource, each group's preferred version first."""
    unproven: frozenset[str]
    """The groups of which a response is missing or stale: their resources' absence is not proven."""
    silent: frozenset[str] = frozenset()
    """The unproven groups that may serve more than was told. Others serve nothing, as external.metrics.k8s.io may."""
    unlistable: frozenset[str] = frozenset()
    """The full names of resources that are served but cannot be listed, such as ``bindings``."""

    def find(self, name: str, version: str | None = None) -> Resource | None:
        """Return the resource of that full name; None: there is none.

        :param version: None takes the preferred one.
        """
        named = (resource for resource in self.resources if resource.name == name)
        return next((resource for resource in named if version in (None, resource.version)), None)


@dataclass(kw_only=True, slots=True)
class _Found:
    """The findings so far."""

    resources: list[Resource] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    unlistable: set[str] = field(default_factory=set)

    def add(self, resource: Resource, verbs: Sequence[str] | None) -> None:
        if "list" in (verbs or ()):
            self.resources.append(resource)
        else:
            self.unlistable.add(resource.name)


def discover(client: Client) -> Discovery:
    """Ask a cluster which resources can be listed.

    :raises ScopeError: when the cluster does not respond; a group that fails alone is in `Discovery.unproven`.
    """
    found = _Found()
    for path in ("/api", "/apis"):
        response = _get(client, path, Aggregated)
        if response.kind == "APIGroupDiscoveryList":
            _read_aggregated(response, found)
        elif path == "/api":
            _read_legacy(client, "", "v1", found)
        else:
            _read_legacy_groups(client, found)
    return Discovery(
        resources=tuple(found.resources),
        unproven=frozenset(found.silent | found.empty),
        silent=frozenset(found.silent),
        unlistable=frozenset(found.unlistable),
    )


def _read_aggregated(response: Aggregated, found: _Found) -> None:
    for group in response.items or ():
        if not group.versions:
            found.empty.add(group.metadata.name)
        for version in group.versions or ():
            # "Stale": an aggregated API server that does not respond; its resources may be left out.
            if version.freshness != "Current":
                found.silent.add(group.metadata.name)
            elif not version.resources:
                found.empty.add(group.metadata.name)
            for item in version.resources or ():
                found.add(_resource(group.metadata.name, version.version, item), item.verbs)


def _resource(group: str, version: str, item: Item) -> Resource:
    return Resource(
        group=group,
        version=version,
        plural=item.resource,
        kind=item.response_kind.kind if item.response_kind else "",
        namespaced=item.scope == "Namespaced",
        watchable="watch" in (item.verbs or ()),
        singular=item.singular or "",
        short_names=tuple(item.short_names or ()),
    )


def _read_legacy_groups(client: Client, found: _Found) -> None:
    for group in _get(client, "/apis", LegacyGroups).groups or ():
        versions = [entry.version for entry in group.versions if entry.version]
        if group.preferred_version:
            versions.sort(key=group.preferred_version.version.__ne__)
        for version in versions:
            _read_legacy(client, group.name, version, found)


def _read_legacy(client: Client, group: str, version: str, found: _Found) -> None:
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    try:
        response = _get(client, path, LegacyResources)
    except ScopeError:
        # One aggregated API server that is down must not hide the others; nor is a 404 of what was just named a proof.
        found.silent.add(group)
        return
    if not response.resources:
        found.empty.add(group)
    for item in response.resources or ():
        # Subresources, such as pods/log, stand beside their resources.
        if "/" not in item.name:
            found.add(_legacy_resource(group, version, item), item.verbs)


def _legacy_resource(group: str, version: str, item: LegacyItem) -> Resource:
    return Resource(
        group=group,
        version=version,
        plural=item.name,
        kind=item.kind,
        namespaced=item.namespaced,
        watchable="watch" in (item.verbs or ()),
        singular=item.singular_name or "",
        short_names=tuple(item.short_names or ()),
    )


def _get(client: Client, path: str, type_: type[_T]) -> _T:
    return client.document(path, type_, accept=_ACCEPT)


def serves(client: Client, resource: Resource) -> bool:
    """Tell if a cluster serves a resource; False is proof.

    :raises OtherVersionError: when it serves only other versions.
    :raises ResponseError: when it cannot be proven.
    """
    discovery = discover(client)
    if lacking := _lacking(discovery, resource.group):
        raise ResponseError(
            f"context {client.context.name!r}: discovery does not even name {lacking}, so it proves nothing",
            advice="look at the load balancers and proxies in front of the API servers",
        )
    name, context = resource.name, client.context.name
    found = [candidate for candidate in discovery.resources if candidate.name == name]
    if any(candidate.version == resource.version for candidate in found):
        return True
    if found:
        versions = ", ".join(candidate.api_version for candidate in found)
        raise OtherVersionError(
            f"context {context} serves {name} as {versions}, not as {resource.api_version}", found[0].version
        )
    if resource.group in discovery.unproven:
        raise ResponseError(
            f"context {context}: the API group {resource.group} does not respond, so {name} cannot be proven absent",
            advice="look at its APIService",
        )
    return False


def _lacking(discovery: Discovery, group: str) -> str | None:
    """Name what a discovery lacks that every API server serves: then it proves nothing of what it lacks besides.

    :param group: the group in question; ``/api`` tells nothing of what ``/apis`` has.
    """
    if discovery.find("namespaces") is None:
        return "namespaces"
    # A control plane without workloads (kcp) has no apps, one without custom resources no apiextensions.k8s.io.
    groups = {resource.group for resource in discovery.resources}
    if group and groups.isdisjoint({"apps", "apiextensions.k8s.io"}):
        return "the groups apps and apiextensions.k8s.io"
    return None
