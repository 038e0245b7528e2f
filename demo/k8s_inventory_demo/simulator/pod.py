"""A pod as a real cluster has it, from the few things that tell it from others.

What owns it is made in `workloads`; any number of pods for benchmarks in `pods`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from k8s_inventory_demo.simulator.objects import uid_of

Document = dict[str, Any]

_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_CONDITIONS: Final = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
_NEED_CONTAINERS: Final = frozenset({"Ready", "ContainersReady"})
_RESOURCES: Final = {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}
_TOLERATIONS: Final = tuple(
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
)


def owned_by(kind: str, api_version: str, name: str, uid: str) -> Document:
    """Make a reference to a controller, for ``ownerReferences``."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


@dataclass(frozen=True, kw_only=True)
class Pod:
    """The fields that tell one pod from another."""

    name: str
    namespace: str
    container: str
    image: str
    node: str
    created: str
    address: str = "10.244.0.10"
    node_address: str = "192.168.49.2"
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owner: Document | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    host_network: bool = False
    restarts: int = 0
    waiting: str | None = None
    """The reason its container does not run; for example ``"CrashLoopBackOff"``."""

    def document(self) -> Document:
        """Make the object."""
        metadata: Document = {"name": self.name, "namespace": self.namespace, "creationTimestamp": self.created}
        metadata |= {"labels": dict(self.labels), "annotations": dict(self.annotations)}
        if self.owner is not None:
            metadata["ownerReferences"] = [self.owner]
        metadata["managedFields"] = self._managed_fields()
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {key: value for key, value in metadata.items() if value},
            "spec": self._spec(),
            "status": self._status(),
        }

    def _spec(self) -> Document:
        mount = {"name": "kube-api-access", "readOnly": True, "mountPath": _MOUNT}
        container: Document = {
            "name": self.container,
            "image": self.image,
            "resources": _RESOURCES,
            "volumeMounts": [mount],
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        }
        if self.environment:
            container["env"] = [{"name": name, "value": value} for name, value in self.environment.items()]
        if self.port is not None:
            container["ports"] = [{"name": "http", "containerPort": self.port, "protocol": "TCP"}]
            probe = {"httpGet": {"path": "/healthz", "port": self.port, "scheme": "HTTP"}, "periodSeconds": 10}
            container["readinessProbe"] = container["livenessProbe"] = probe
        return {
            "volumes": [{"name": "kube-api-access", "projected": _projected()}],
            "containers": [container],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "serviceAccount": "default",
            "nodeName": self.node,
            "hostNetwork": self.host_network,
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": list(_TOLERATIONS),
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        }

    def _status(self) -> Document:
        address = self.node_address if self.host_network else self.address
        return {
            "phase": "Running",
            "conditions": [self._condition(type_) for type_ in _CONDITIONS],
            "hostIP": self.node_address,
            "hostIPs": [{"ip": self.node_address}],
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": self.created,
            "containerStatuses": [self._container_status()],
            "qosClass": "Burstable",
        }

    def _condition(self, type_: str) -> Document:
        condition: Document = {"type": type_, "lastProbeTime": None, "lastTransitionTime": self.created}
        if self.waiting and type_ in _NEED_CONTAINERS:
            message = f"containers with unready status: [{self.container}]"
            return condition | {"status": "False", "reason": "ContainersNotReady", "message": message}
        return condition | {"status": "True"}

    def _container_status(self) -> Document:
        digest = uid_of(self.image).replace("-", "") * 2
        state: Document = {"running": {"startedAt": self.created}}
        last: Document = {}
        if self.waiting:
            message = f"back-off 5m0s restarting failed container={self.container} pod={self.name}"
            state = {"waiting": {"reason": self.waiting, "message": message}}
            ended = {"startedAt": self.created, "finishedAt": self.created}
            last = {"terminated": {"exitCode": 1, "reason": "Error", **ended}}
        return {
            "name": self.container,
            "state": state,
            "lastState": last,
            "ready": not self.waiting,
            "restartCount": self.restarts,
            "image": self.image,
            "imageID": f"{self.image.partition(':')[0]}@sha256:{digest}",
            "containerID": f"containerd://{uid_of(self.namespace, self.name).replace('-', '') * 2}",
            "started": not self.waiting,
        }

    def _managed_fields(self) -> list[Document]:
        """Write who wrote which field; half of a real pod is this."""
        metadata: Document = {"f:labels": _fields(*self.labels)}
        if self.owner is not None:
            metadata["f:ownerReferences"] = {f'k:{{"uid":"{self.owner["uid"]}"}}': {}}
        container = _fields(
            "image", "imagePullPolicy", "name", "resources", "terminationMessagePath", "terminationMessagePolicy"
        )
        spec = _fields("dnsPolicy", "enableServiceLinks", "restartPolicy", "schedulerName", "securityContext")
        spec["f:containers"] = {f'k:{{"name":"{self.container}"}}': container}
        status = _fields("containerStatuses", "hostIP", "hostIPs", "phase", "podIP", "podIPs", "startTime")
        condition = _fields("lastProbeTime", "lastTransitionTime", "status", "type")
        status["f:conditions"] = {f'k:{{"type":"{type_}"}}': condition for type_ in _CONDITIONS}
        return [
            self._managed("kube-controller-manager", {"f:metadata": metadata, "f:spec": spec}),
            self._managed("kubelet", {"f:status": status}) | {"subresource": "status"},
        ]

    def _managed(self, manager: str, fields: Document) -> Document:
        return {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "v1",
            "time": self.created,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }


def _fields(*names: str) -> Document:
    """Write a set of fields, as ``managedFields`` does."""
    return {".": {}} | {f"f:{name}": {} for name in names}


def _projected() -> Document:
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
        ],
        "defaultMode": 420,
    }
