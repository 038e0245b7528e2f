"""The documents that tell clients what a server serves: legacy and aggregated discovery, and the version.

What is served is kept in `served`; which form a client gets is decided in `negotiation`.
"""

from __future__ import annotations

from typing import Any

from k8s_inventory_demo.simulator.errors import page_not_found, unavailable
from k8s_inventory_demo.simulator.served import Registry, Served, Subresource

Document = dict[str, Any]


def versions(address: str) -> Document:
    """Write ``/api``: the versions of the core group."""
    cidrs = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": cidrs}


def _group(name: str, group_versions: list[str]) -> Document:
    documents = [{"groupVersion": f"{name}/{version}", "version": version} for version in group_versions]
    return {"name": name, "versions": documents, "preferredVersion": documents[0]}


def groups(registry: Registry) -> Document:
    """``/apis``: all groups but the core one."""
    named = [_group(name, group_versions) for name, group_versions in registry.groups().items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": named}


def group(registry: Registry, name: str) -> Document:
    """``/apis/GROUP``: one group.

    :raises StatusError: 404.
    """
    if not (group_versions := registry.groups().get(name)):
        raise page_not_found()
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, group_versions)}


def _words(served: Served) -> Document:
    """Write the names and categories by which kubectl finds it; left out where there are none."""
    words = {"shortNames": list(served.short_names), "categories": list(served.categories)}
    return {key: value for key, value in words.items() if value}


def _legacy(served: Served) -> list[Document]:
    shared = {"namespaced": served.namespaced, "verbs": list(served.verbs)}
    resource = {"name": served.plural, "singularName": served.singular, "kind": served.kind, **shared}
    return [resource | _words(served), *(_legacy_below(served, sub) for sub in served.subresources)]


def _legacy_below(served: Served, sub: Subresource) -> Document:
    document: Document = {
        "name": f"{served.plural}/{sub.name}",
        "singularName": "",
        "namespaced": served.namespaced,
        "kind": sub.kind or served.kind,
        "verbs": list(sub.verbs),
    }
    return document | ({"group": sub.group, "version": sub.version} if sub.group else {})


def resources(registry: Registry, group_name: str, version: str) -> Document:
    """``/api/v1`` and ``/apis/GROUP/VERSION``: the resources of one version of a group.

    :raises StatusError: 404; 503 when the group's own server does not respond.
    """
    if (group_name, version) in registry.stale:
        raise unavailable()
    served = registry.of(group_name, version)
    if not served:
        raise page_not_found()
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group_name}/{version}" if group_name else version,
        "resources": [document for resource in served for document in _legacy(resource)],
    }


def aggregated(registry: Registry, version: str, *, core: bool) -> Document:
    """Write ``/api`` (the core group) or ``/apis`` (all others) with everything in it.

    :param version: of the format, ``"v2"`` or ``"v2beta1"``; the two are alike.
    """
    items = [
        {
            "metadata": {"name": name} if name else {},
            "versions": [_aggregated_version(registry, name, group_version) for group_version in group_versions],
        }
        for name, group_versions in registry.groups().items()
        if (not name) is core
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _aggregated_version(registry: Registry, name: str, version: str) -> Document:
    if (name, version) in registry.stale:
        return {"version": version, "freshness": "Stale"}
    documents = [_aggregated_resource(served) for served in registry.of(name, version)]
    return {"version": version, "resources": documents, "freshness": "Current"}


def _aggregated_resource(served: Served) -> Document:
    document: Document = {
        "resource": served.plural,
        "responseKind": _kind(served, served.kind),
        "scope": "Namespaced" if served.namespaced else "Cluster",
        "singularResource": served.singular,
        "verbs": list(served.verbs),
    }
    if served.subresources:
        document["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": _kind(served, sub.kind or served.kind, sub.group, sub.version),
                "verbs": list(sub.verbs),
            }
            for sub in served.subresources
        ]
    return document | _words(served)


def _kind(served: Served, kind: str, group_name: str = "", version_name: str = "") -> Document:
    """Write a kind; the real server leaves the group and version of built-in ones empty where they are plain."""
    if served.custom:
        group_name, version_name = served.group, served.version
    return {"group": group_name, "version": version_name, "kind": kind}


def version(git_version: str) -> Document:
    """``/version``."""
    major, minor, *_ = git_version.removeprefix("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": git_version,
        "gitTreeState": "clean",
        "goVersion": "go1.26.0",
        "compiler": "gc",
        "platform": "linux/amd64",
    }
