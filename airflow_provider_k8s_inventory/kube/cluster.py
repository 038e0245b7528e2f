"""Read what a cluster says of itself: its identity, its version, its size.

The API has no object for it; `pages` puts one together, in the shape `resources.clusters` decodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import ForbiddenError, NotServedError, ResponseError
from airflow_provider_k8s_inventory.kube import metadata
from airflow_provider_k8s_inventory.kube.http import bodies
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.http.errors import CHECK_PROXY
from airflow_provider_k8s_inventory.model import Page

_KUBE_SYSTEM: Final = "kube-system"
_PATH: Final = f"/api/v1/namespaces/{_KUBE_SYSTEM}"
_LONGEST_UID: Final = 253
"""Kubernetes makes UIDs of 36 characters, and sets no limit; this is its longest name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """The identity of a cluster: the UID of its kube-system namespace, which outlives addresses and names."""

    uid: str
    created_at: msgspec.Raw
    """The creationTimestamp of kube-system, as JSON."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    uid: str = ""
    # Left as JSON, for who makes a row of it to read.
    creation_timestamp: msgspec.Raw = msgspec.Raw(b"null")


class _Namespace(msgspec.Struct, frozen=True):
    metadata: _Metadata
    kind: str = "Namespace"
    api_version: str = msgspec.field(name="apiVersion", default="v1")

    @property
    def is_kube_system(self) -> bool:
        """Whether it is what was asked for, with a UID that tells it from others."""
        uid = self.metadata.uid
        return (
            (self.api_version, self.kind, self.metadata.name) == ("v1", "Namespace", _KUBE_SYSTEM)
            and 0 < len(uid) <= _LONGEST_UID
            and uid.isprintable()
        )


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str | None


def identify(client: Client) -> Identity:
    """Ask a cluster for its identity.

    :raises ForbiddenError: when the namespace kube-system may not be read.
    :raises NotServedError: when there is none: kube-apiserver makes it and keeps it, but others have no namespaces.
    :raises ResponseError: when the response is another object.
    :raises ScopeError: whatever else `Client.get` raises.
    """
    namespace = client.document(_PATH, _Namespace)
    if not namespace.is_kube_system:
        raise ResponseError(
            f"context {client.context.name!r}: GET {_PATH}: this is not the namespace kube-system with its UID",
            advice=CHECK_PROXY,
            request=f"GET {_PATH}",
        )
    return Identity(uid=namespace.metadata.uid, created_at=namespace.metadata.creation_timestamp)


def has_namespace(client: Client, name: str) -> bool:
    """Tell if a cluster has a namespace of that name.

    :raises ScopeError: as `Client.get`, but never NotServedError.
    """
    try:
        client.get(f"/api/v1/namespaces/{name}")
    except NotServedError:
        return False
    return True


def pages(client: Client, identity: Identity, *, limit: int) -> Iterator[Page]:
    """Yield the cluster as one page of one object.

    :param client: the cluster.
    :param identity: as `identify` gave it.
    :param limit: nodes per page, for counting them.
    :raises ScopeError: whatever `Client.get` raises, but never NotServedError: a cluster is not a resource that is
        served or not.
    """
    try:
        body = client.get("/version")
    except NotServedError as error:
        raise ResponseError(f"{error}; every API server has a version", advice="is this one?") from error
    version = bodies.decode(body, _Version, client.context, "GET /version")
    nodes, warnings = _count_nodes(client, limit)
    context = client.context
    item = {
        "metadata": {"uid": identity.uid, "name": context.cluster_name, "creationTimestamp": identity.created_at},
        "spec": {
            "clusterName": context.cluster_name,
            "server": context.server,
            "caFile": context.ca_file,
            "insecureSkipVerify": context.insecure_skip_verify,
            "namespace": context.namespace,
        },
        "status": {
            "kubernetesVersion": version.git_version,
            "nodeCount": nodes,
            "version": msgspec.Raw(body),
        },
    }
    encoded = msgspec.json.encode(item)
    yield Page(
        items=[msgspec.Raw(encoded)], resource_version="", token=None, size=len(encoded), warnings=tuple(warnings)
    )


def _count_nodes(client: Client, limit: int) -> tuple[int | None, list[str]]:
    try:
        nodes = metadata.pages(client, "/api/v1/nodes", limit=limit)
        return sum(page.count for page in nodes), []
    except (ForbiddenError, NotServedError) as error:
        return None, [f"node_count is NULL: {error}"]
