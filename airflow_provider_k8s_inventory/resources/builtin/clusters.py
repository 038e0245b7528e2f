"""Clusters: one row per context, put together from the kubeconfig, ``/version``, kube-system and the nodes.

The API has no such object: `kube.cluster` builds it, in the shape that is read here.
"""

from __future__ import annotations

from airflow_provider_k8s_inventory.model import Column
from airflow_provider_k8s_inventory.resources.declare import boolean, integer, resource, text

DEFINITION = resource(
    "v1",
    "clusters",
    "Cluster",
    text("cluster_name", "spec.clusterName", "The cluster's name in the kubeconfig"),
    text("server", "spec.server", "The API server's URL in the kubeconfig"),
    text("ca_file", "spec.caFile", "The kubeconfig's certificate-authority file; NULL when inline"),
    boolean("insecure_skip_verify", "spec.insecureSkipVerify", "Whether the kubeconfig turns TLS checks off"),
    text("namespace", "spec.namespace", "The context's default namespace in the kubeconfig"),
    text("kubernetes_version", "status.kubernetesVersion", "gitVersion of /version"),
    integer("node_count", "status.nodeCount", "How many nodes there are; NULL when listing is forbidden"),
    Column(
        name="synced_at",
        type="timestamp with time zone",
        stamped=True,
        comment="When a sync last found the row to be what the cluster says, whether or not it changed",
    ),
    Column(
        name="updated_at", type="timestamp with time zone", generated="changed_at", comment="The same as changed_at"
    ),
    comment="Clusters: one row per context; uid is the UID of the kube-system namespace",
    namespaced=False,
    source="cluster",
)
