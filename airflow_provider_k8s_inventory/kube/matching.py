"""Check that a response is of the resource that was asked for; `listing` reads the lists themselves.

A proxy or a cache that mixes up responses sends lists that are whole and well-formed.
"""

from __future__ import annotations

from typing import Final

from airflow_provider_k8s_inventory.kube import versions
from airflow_provider_k8s_inventory.model import Resource

_CORE_KINDS: Final = frozenset({"Event", "Namespace", "Node", "Pod", "Secret", "Service"})
"""Kinds of the core group whose names other groups use too: Knative has a Service, events.k8s.io an Event."""


def check_list(resource: Resource, kind: str, api_version: str) -> None:
    """Check that a list is of a resource.

    A CustomResourceDefinition names its lists as it likes (``spec.names.listKind``), so of custom resources the
    apiVersion tells. Servers of aggregated APIs stamp lists of any group ``v1``, or not at all; the kind tells then.

    :raises ValueError: when it is of another one.
    """
    wanted = f"{resource.kind}List"
    named = kind == wanted
    if api_version == resource.api_version and (named or _is_custom(resource) or not resource.kind):
        return
    if named and api_version in ("", "v1") and not (resource.group and resource.kind in _CORE_KINDS):
        return
    raise ValueError(f"{kind} of {api_version or 'no apiVersion'}, and not {wanted} of {resource.api_version}")


def check_object(resource: Resource, kind: object, api_version: object) -> None:
    """Check that an object is one of a resource, as far as it says.

    :raises ValueError: when it is another one's.
    """
    kind, api_version = (said if isinstance(said, str) else "" for said in (kind, api_version))
    other_kind = kind and resource.kind and kind != resource.kind
    if other_kind or (api_version and api_version != resource.api_version):
        found = f"{kind or 'an object'} of {api_version or 'no apiVersion'}"
        raise ValueError(f"{found}, and not {resource.kind} of {resource.api_version}")


def check_version(resource: Resource, version: str) -> None:
    """Check that a list has a resourceVersion, where the resource can be watched.

    :raises ValueError: when it has none, or one that etcd never gives.
    """
    if not resource.watchable:
        return
    # Storage in etcd counts from 1; some aggregated APIs (Calico's) have other forms than numbers.
    if not version or version == "0" or not (versions.is_number(version) or _is_custom(resource)):
        raise ValueError(f"its resourceVersion is {version!r}")


def _is_custom(resource: Resource) -> bool:
    """Tell if it may be a custom resource, or one of an aggregated API: their groups are domain names."""
    return "." in resource.group and resource.group != "apiextensions.k8s.io"
