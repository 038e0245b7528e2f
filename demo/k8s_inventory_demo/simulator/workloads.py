"""Deployments with all that their controllers would make, and other objects of an ordinary cluster.

A simulated server runs no controllers: here is what they would have left. Pods are described in `pod`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from k8s_inventory_demo.simulator.objects import key_of, uid_of
from k8s_inventory_demo.simulator.pod import Document, Pod, owned_by

Item = tuple[str, Document]
"""A resource, as kubectl writes it, and an object of it."""

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' own: no vowels, so that no words come out
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def _suffix(text: str, length: int) -> str:
    """Make what controllers append to names to make them unique; here the same on every start."""
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:length])


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A Deployment, and what became of it."""

    cluster: str
    """The cluster's name, on which the UIDs depend."""
    name: str
    namespace: str
    image: str
    created: str
    nodes: tuple[str, ...]
    """The nodes its pods run on, in turn."""
    replicas: int = 1
    port: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str = "10.244.0"
    waiting: str | None = None
    """The reason its last pod does not run."""
    restarts: int = 0
    """Of the pod that does not run."""

    def items(self) -> Iterator[Item]:
        """Make the Deployment, its ReplicaSet, and their pods."""
        yield "deployments.apps", self._deployment()
        yield "replicasets.apps", self._replica_set()
        for index in range(self.replicas):
            yield "pods", self._pod(index)

    @property
    def _hash(self) -> str:
        return _suffix(f"{self.namespace}/{self.name}/{self.image}", 10)

    @property
    def _selector(self) -> Document:
        return dict(self.labels) or {"app": self.name}

    @property
    def _ready(self) -> int:
        return self.replicas - (self.waiting is not None)

    def _uid(self, collection: str, name: str) -> str:
        """Return the UID an object of this name is seeded with."""
        return uid_of(self.cluster, collection, key_of(self.namespace, name))

    def _template(self, **labels: str) -> Document:
        container: Document = {"name": self.name, "image": self.image, "imagePullPolicy": "IfNotPresent"}
        if self.port is not None:
            container["ports"] = [{"containerPort": self.port, "protocol": "TCP"}]
        spec = {"containers": [container], "restartPolicy": "Always", "dnsPolicy": "ClusterFirst"}
        return {"metadata": {"labels": self._selector | labels}, "spec": spec}

    def _deployment(self) -> Document:
        spec = {"replicas": self.replicas, "selector": {"matchLabels": self._selector}, "template": self._template()}
        metadata = {"name": self.name, "namespace": self.namespace, "labels": self._selector}
        applied = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
        available = self._ready == self.replicas
        return {
            "metadata": metadata
            | {
                "creationTimestamp": self.created,
                "generation": 1,
                "annotations": {
                    "deployment.kubernetes.io/revision": "1",
                    _LAST_APPLIED: json.dumps(applied, separators=(",", ":")) + "\n",
                },
                "managedFields": [
                    {
                        "manager": "kubectl-client-side-apply",
                        "operation": "Update",
                        "apiVersion": "apps/v1",
                        "time": self.created,
                        "fieldsType": "FieldsV1",
                        "fieldsV1": {"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {}}},
                    }
                ],
            },
            "spec": spec | {"strategy": {"type": "RollingUpdate"}, "revisionHistoryLimit": 10},
            "status": self._counts()
            | {
                "updatedReplicas": self.replicas,
                "conditions": [
                    self._condition("Available", available, "MinimumReplicasAvailable", "MinimumReplicasUnavailable"),
                    self._condition("Progressing", available, "NewReplicaSetAvailable", "ProgressDeadlineExceeded"),
                ],
            },
        }

    def _condition(self, type_: str, holds: bool, reason: str, otherwise: str) -> Document:
        return {
            "type": type_,
            "status": str(holds),
            "reason": reason if holds else otherwise,
            "lastUpdateTime": self.created,
            "lastTransitionTime": self.created,
        }

    def _counts(self) -> Document:
        counts = {
            "observedGeneration": 1,
            "replicas": self.replicas,
            "readyReplicas": self._ready,
            "availableReplicas": self._ready,
        }
        # Zeros are left out by the real server.
        return {key: count for key, count in counts.items() if count}

    def _replica_set(self) -> Document:
        name = f"{self.name}-{self._hash}"
        owner = owned_by("Deployment", "apps/v1", self.name, self._uid("deployments.apps", self.name))
        labels = self._selector | {"pod-template-hash": self._hash}
        return {
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "creationTimestamp": self.created,
                "generation": 1,
                "labels": labels,
                "annotations": {"deployment.kubernetes.io/desired-replicas": str(self.replicas)},
                "ownerReferences": [owner],
            },
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels},
                "template": self._template(**{"pod-template-hash": self._hash}),
            },
            "status": self._counts() | {"fullyLabeledReplicas": self.replicas},
        }

    def _pod(self, index: int) -> Document:
        replica_set = f"{self.name}-{self._hash}"
        broken = self.waiting if index == self.replicas - 1 else None
        return Pod(
            name=f"{replica_set}-{_suffix(f'{self.cluster}/{replica_set}/{index}', 5)}",
            namespace=self.namespace,
            container=self.name,
            image=self.image,
            node=self.nodes[index % len(self.nodes)],
            created=self.created,
            address=f"{self.network}.{4 + index}",
            labels=self._selector | {"pod-template-hash": self._hash},
            owner=owned_by("ReplicaSet", "apps/v1", replica_set, self._uid("replicasets.apps", replica_set)),
            port=self.port,
            waiting=broken,
            restarts=self.restarts if broken else 0,
        ).document()


def service(
    name: str, namespace: str, cluster_ip: str, ports: Iterable[tuple[str, int]], *, created: str, **selector: str
) -> Item:
    """Make a Service of type ClusterIP.

    :param ports: name and number of each.
    """
    document: dict[str, Any] = {
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": created, "labels": dict(selector)},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": cluster_ip,
            "clusterIPs": [cluster_ip],
            "ports": [
                {"name": port, "protocol": "UDP" if port == "dns" else "TCP", "port": number, "targetPort": number}
                for port, number in ports
            ],
            "selector": dict(selector),
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }
    return "services", document
