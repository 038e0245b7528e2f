"""Clusters: one row per context, put together from the kubeconfig, ``/version``, kube-system and the nodes.

The API has no such object: `kube.cluster` builds it, in the shape that is decoded here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_k8s_inventory.model import Column, Definition, Resource
from airflow_provider_k8s_inventory.resources import shared


class Spec(msgspec.Struct, frozen=True, rename="camel"):
    """What the kubeconfig says of the cluster."""

    cluster_name: str
    server: str
    insecure_skip_verify: bool
    ca_file: str | None = None
    namespace: str | None = None


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """What the API server says of the cluster."""

    version: msgspec.Raw = shared.EMPTY
    kubernetes_version: str | None = None
    node_count: int | None = None


class Cluster(shared.Object, frozen=True):
    """A cluster, as `kube.cluster` puts it together."""

    spec: Spec | None = None
    status: Status = Status()


def extract(cluster: Cluster) -> tuple[Any, ...]:
    """Read a cluster."""
    spec, status = cluster.spec, cluster.status
    if spec is None:
        raise ValueError("a cluster without spec")
    return (
        spec.cluster_name,
        spec.server,
        spec.ca_file,
        spec.insecure_skip_verify,
        spec.namespace,
        status.kubernetes_version,
        status.node_count,
    )


DEFINITION = Definition(
    name="clusters",
    aliases=("cluster",),
    resource=Resource(group="", version="v1", plural="clusters", kind="Cluster", namespaced=False),
    table=shared.table(
        "k8s_clusters",
        "Clusters: one row per context; uid is the UID of the kube-system namespace",
        Column(name="cluster_name", type="text", comment="The cluster's name in the kubeconfig"),
        Column(name="server", type="text", comment="The API server's URL in the kubeconfig"),
        Column(name="ca_file", type="text", comment="The kubeconfig's certificate-authority file; NULL when inline"),
        Column(name="insecure_skip_verify", type="boolean", comment="Whether the kubeconfig turns TLS checks off"),
        Column(name="namespace", type="text", comment="The context's default namespace in the kubeconfig"),
        Column(name="kubernetes_version", type="text", comment="gitVersion of /version"),
        Column(name="node_count", type="integer", comment="How many nodes there are; NULL when listing is forbidden"),
        Column(
            name="synced_at",
            type="timestamp with time zone",
            stamped=True,
            comment="When a sync last found the row to be what the cluster says, whether or not it changed",
        ),
        Column(
            name="updated_at", type="timestamp with time zone", generated="changed_at", comment="The same as changed_at"
        ),
        namespaced=False,
    ),
    type=Cluster,
    extract=extract,
)
