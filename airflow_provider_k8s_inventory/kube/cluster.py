"""What a cluster says of itself: its identity, its version, its size.

The API has no object for it; `pages` puts one together, in the shape `resources.clusters` decodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, ForbiddenError, NotServedError
from airflow_provider_k8s_inventory.kube import metadata
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.kube.decoding import decode
from airflow_provider_k8s_inventory.model import Page


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Which cluster this is: the UID of its kube-system namespace, which outlives addresses and names."""

    uid: str
    created_at: msgspec.Raw
    """The creationTimestamp of kube-system, as JSON."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    uid: str
    # What time it is, the reader of rows says.
    creation_timestamp: msgspec.Raw = msgspec.Raw(b"null")


class _Namespace(msgspec.Struct, frozen=True):
    metadata: _Metadata


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str


def identify(client: Client) -> Identity:
    """Ask a cluster who it is.

    :raises ForbiddenError: when the namespace kube-system may not be read.
    :raises AnswerError: when there is none, which cannot be: the API server makes it, and keeps it.
    :raises ScopeError: whatever else `Client.get` raises.
    """
    path = "/api/v1/namespaces/kube-system"
    try:
        body = client.get(path)
    except NotServedError as error:
        raise AnswerError(
            f"{error}; a cluster without a namespace kube-system has no identity: "
            "look at what answers in the place of its API server"
        ) from error
    namespace = decode(client, f"GET {path}", body, _Namespace)
    return Identity(uid=namespace.metadata.uid, created_at=namespace.metadata.creation_timestamp)


def has_namespace(client: Client, name: str) -> bool:
    """Whether a cluster has a namespace of that name.

    :raises ScopeError: as `Client.get`, but never NotServedError.
    """
    try:
        client.get(f"/api/v1/namespaces/{name}")
    except NotServedError:
        return False
    return True


def pages(client: Client, identity: Identity, *, limit: int) -> Iterator[Page]:
    """The cluster as the one page of one object.

    :param client: the cluster.
    :param identity: as `identify` gave it.
    :param limit: nodes per page, for counting them.
    :raises ScopeError: whatever `Client.get` raises, but never NotServedError: a cluster is not a resource that is
        served or not.
    """
    try:
        body = client.get("/version")
    except NotServedError as error:
        raise AnswerError(f"{error}; every API server has a version: is this one?") from error
    version = decode(client, "GET /version", body, _Version)
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
