"""What stands around the shop of the demo's clusters: how it is reached, what it may use, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from k8s_inventory_demo.simulator.objects import uid_of
from k8s_inventory_demo.simulator.pod import owned_by
from k8s_inventory_demo.simulator.workloads import Item

_DEPLOYED: Final = "2026-02-02T09:30:00Z"
_STARTED: Final = "2026-01-05T08:00:00Z"
_LAST_NIGHT: Final = "2026-02-03T02:00:00Z"
_RBAC: Final = "rbac.authorization.k8s.io"


def around(cluster: str) -> Iterator[Item]:
    """Make the objects of one cluster, none of which brings pods.

    :param cluster: the cluster's name, on which host names and UIDs depend.
    """
    yield from _network(cluster)
    yield from _storage()
    yield from _workloads(cluster)
    yield from _limits()
    yield from _rights()


def crash(pod: str) -> Iterator[Item]:
    """Make the event that tells of a pod that crashes."""
    yield (
        "events",
        _named(f"{pod}.17d0", _DEPLOYED)
        | {
            "type": "Warning",
            "reason": "BackOff",
            "message": f"Back-off restarting failed container shop-worker in pod {pod}",
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": pod},
            "firstTimestamp": _DEPLOYED,
            "lastTimestamp": _LAST_NIGHT,
            "count": 412,
            "source": {"component": "kubelet", "host": "dev"},
        },
    )


def _named(name: str, created: str = _DEPLOYED, namespace: str | None = "default", **metadata: Any) -> dict[str, Any]:
    where = {"namespace": namespace} if namespace else {}
    return {"metadata": {"name": name, **where, "creationTimestamp": created, **metadata}}


def _network(cluster: str) -> Iterator[Item]:
    host = f"shop.{cluster}.example.com"
    backend = {"service": {"name": "shop-web", "port": {"number": 8080}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {
        "ingressClassName": "nginx",
        "rules": [{"host": host, "http": {"paths": paths}}],
        "tls": [{"hosts": [host], "secretName": "shop-tls"}],
    }
    status = {"loadBalancer": {"ingress": [{"ip": "192.168.49.2"}]}}
    yield "ingresses.networking.k8s.io", _named("shop") | {"spec": spec, "status": status}
    controller = {"controller": "k8s.io/ingress-nginx"}
    yield "ingressclasses.networking.k8s.io", _named("nginx", _STARTED, None) | {"spec": controller}
    allowed = [{"from": [{"podSelector": {"matchLabels": {"app": "shop-web"}}}]}]
    selected = {"podSelector": {"matchLabels": {"app": "shop-db"}}, "policyTypes": ["Ingress"], "ingress": allowed}
    yield "networkpolicies.networking.k8s.io", _named("shop-db") | {"spec": selected}


def _storage() -> Iterator[Item]:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    yield (
        "storageclasses.storage.k8s.io",
        _named("standard", _STARTED, None, annotations=annotations)
        | {
            "provisioner": "k8s.io/minikube-hostpath",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "Immediate",
        },
    )
    size = {"storage": "8Gi"}
    claim = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "data-shop-db-0"}
    volume = {"accessModes": ["ReadWriteOnce"], "storageClassName": "standard", "volumeMode": "Filesystem"}
    yield (
        "persistentvolumes",
        _named("pvc-shop-db-0", namespace=None)
        | {
            "spec": volume
            | {"capacity": size, "claimRef": claim, "persistentVolumeReclaimPolicy": "Delete"}
            | {"hostPath": {"path": "/data/shop-db-0"}},
            "status": {"phase": "Bound"},
        },
    )
    yield (
        "persistentvolumeclaims",
        _named("data-shop-db-0", labels={"app": "shop-db"})
        | {
            "spec": volume | {"resources": {"requests": size}, "volumeName": "pvc-shop-db-0"},
            "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": size},
        },
    )


def _workloads(cluster: str) -> Iterator[Item]:
    database = {
        "metadata": {"labels": {"app": "shop-db"}},
        "spec": {"containers": [{"name": "postgres", "image": "docker.io/library/postgres:18.1"}]},
    }
    yield (
        "statefulsets.apps",
        _named("shop-db", labels={"app": "shop-db"})
        | {
            # Scaled to none: whoever looks for the data finds the claim.
            "spec": {
                "replicas": 0,
                "serviceName": "shop-db",
                "selector": {"matchLabels": {"app": "shop-db"}},
                "template": database,
                "updateStrategy": {"type": "RollingUpdate"},
                "podManagementPolicy": "OrderedReady",
            },
            "status": {"observedGeneration": 1, "replicas": 0},
        },
    )
    container = {"name": "report", "image": "registry.example.com/shop/report:1.9.0"}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    yield (
        "cronjobs.batch",
        _named("nightly-report")
        | {
            "spec": {
                "schedule": "0 2 * * *",
                "concurrencyPolicy": "Forbid",
                "jobTemplate": {"spec": {"template": template}},
            },
            "status": {"lastScheduleTime": _LAST_NIGHT, "lastSuccessfulTime": _LAST_NIGHT},
        },
    )
    owner = owned_by(
        "CronJob", "batch/v1", "nightly-report", uid_of(cluster, "cronjobs.batch", "default/nightly-report")
    )
    complete = {"type": "Complete", "status": "True", "reason": "CompletionsReached", "lastTransitionTime": _LAST_NIGHT}
    yield (
        "jobs.batch",
        _named("nightly-report-29334360", _LAST_NIGHT, ownerReferences=[owner])
        | {
            "spec": {"completions": 1, "parallelism": 1, "backoffLimit": 6, "template": template},
            "status": {
                "succeeded": 1,
                "startTime": _LAST_NIGHT,
                "completionTime": _LAST_NIGHT,
                "conditions": [complete],
            },
        },
    )
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-web"}
    utilization = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    yield (
        "horizontalpodautoscalers.autoscaling",
        _named("shop-web")
        | {
            "spec": {
                "scaleTargetRef": target,
                "minReplicas": 2,
                "maxReplicas": 10,
                "metrics": [{"type": "Resource", "resource": utilization}],
            },
            "status": {"currentReplicas": 2, "desiredReplicas": 2},
        },
    )
    selector = {"selector": {"matchLabels": {"app": "shop-web"}}}
    yield (
        "poddisruptionbudgets.policy",
        _named("shop-web")
        | {
            "spec": {"minAvailable": 1, **selector},
            "status": {"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2},
        },
    )


def _limits() -> Iterator[Item]:
    hard, used = {"requests.cpu": "2", "pods": "10"}, {"requests.cpu": "400m", "pods": "4"}
    yield "resourcequotas", _named("shop") | {"spec": {"hard": hard}, "status": {"hard": hard, "used": used}}
    yield "configmaps", _named("shop-config") | {"data": {"currency": "EUR", "theme.json": '{"dark": true}'}}
    yield "serviceaccounts", _named("default", _STARTED)


def _rights() -> Iterator[Item]:
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    yield f"clusterroles.{_RBAC}", _named("cluster-admin", _STARTED, None) | {"rules": everything}
    reads = [{"apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["get", "list", "watch"]}]
    yield f"roles.{_RBAC}", _named("shop-reader") | {"rules": reads}
    for kind, name, binding, group, namespace in (
        ("ClusterRole", "cluster-admin", "cluster-admin", "system:masters", None),
        ("Role", "shop-reader", "developers", "developers", "default"),
    ):
        plural = "rolebindings" if namespace else "clusterrolebindings"
        yield (
            f"{plural}.{_RBAC}",
            _named(binding, _STARTED, namespace)
            | {
                "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
                "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": group}],
            },
        )
