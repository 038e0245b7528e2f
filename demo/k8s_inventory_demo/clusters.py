"""The clusters of the demo, the same bytes on every start: `dev` and `prod` with 43 things to sync, and `lab`.

What a freshly started minikube holds, and a small shop in it, whose surroundings are in `shop`: in `dev` one pod of it
crashes. In `lab` there are custom resources. How clusters are simulated is in the `simulator` package.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from k8s_inventory_demo import shop
from k8s_inventory_demo.simulator import Cluster, User
from k8s_inventory_demo.simulator.objects import uid_of
from k8s_inventory_demo.simulator.pod import Pod, owned_by
from k8s_inventory_demo.simulator.workloads import Item, Workload, service

_VERSION: Final = "v1.36.3"
_STARTED: Final = "2026-01-05T08:00:00Z"
_DEPLOYED: Final = "2026-02-02T09:30:00Z"
_CONTROL_PLANE: Final = {
    "etcd": "registry.k8s.io/etcd:3.6.6-0",
    "kube-apiserver": f"registry.k8s.io/kube-apiserver:{_VERSION}",
    "kube-controller-manager": f"registry.k8s.io/kube-controller-manager:{_VERSION}",
    "kube-scheduler": f"registry.k8s.io/kube-scheduler:{_VERSION}",
}
_PROXY_IMAGE: Final = f"registry.k8s.io/kube-proxy:{_VERSION}"


def clusters() -> list[Cluster]:
    """Make the two clusters that Airflow syncs: `dev` is entered by token, `prod` by client certificate."""
    dev = Cluster("dev", version=_VERSION, users=[User(name="admin")])
    prod = Cluster("prod", version=_VERSION, users=[User(name="admin", certificate=True)])
    _fill(dev, _system("dev", ("dev",)), _dev_shop(), shop.around("dev"))
    _fill(prod, _system("prod", ("prod", "prod-m02")), _prod_shop(), shop.around("prod"))
    return [dev, prod]


def with_lab() -> list[Cluster]:
    """Make those two, and `lab`, which defines certificates and has two of them."""
    lab = Cluster("lab", version=_VERSION, users=[User(name="admin")])
    _fill(lab, _system("lab", ("lab",)), _certificates())
    return [*clusters(), lab]


def _fill(cluster: Cluster, *parts: Iterator[Item]) -> None:
    for part in parts:
        for resource, document in part:
            cluster.seed(resource, [document])


def _dev_shop() -> Iterator[Item]:
    """Make a front end that runs, and a worker that comes up in one of two pods only."""
    yield from _web("dev", ("dev",), replicas=2)
    worker = Workload(
        cluster="dev",
        name="shop-worker",
        namespace="default",
        image="registry.example.com/shop/worker:2.4.0-rc1",
        created=_DEPLOYED,
        nodes=("dev",),
        replicas=2,
        network="10.244.2",
        waiting="CrashLoopBackOff",
        restarts=17,
    )
    items = list(worker.items())
    yield from items
    _, crashing = items[-1]
    yield from shop.crash(crashing["metadata"]["name"])


def _prod_shop() -> Iterator[Item]:
    """Make the same front end, on both nodes."""
    yield from _web("prod", ("prod", "prod-m02"), replicas=3)


def _web(cluster: str, nodes: tuple[str, ...], *, replicas: int) -> Iterator[Item]:
    yield from Workload(
        cluster=cluster,
        name="shop-web",
        namespace="default",
        image="registry.example.com/shop/web:2.3.1",
        created=_DEPLOYED,
        nodes=nodes,
        replicas=replicas,
        port=8080,
        network="10.244.1",
    ).items()
    yield service("shop-web", "default", "10.96.41.7", [("http", 8080)], created=_DEPLOYED, app="shop-web")


def _certificates() -> Iterator[Item]:
    """Make a definition as cert-manager brings it, and two objects of it; of one the issuing failed."""
    names = {
        "plural": "certificates",
        "singular": "certificate",
        "kind": "Certificate",
        "listKind": "CertificateList",
        "shortNames": ["cert", "certs"],
        "categories": ["cert-manager"],
    }
    ready = '.status.conditions[?(@.type == "Ready")]'
    printed = [
        {"name": "Ready", "type": "string", "jsonPath": f"{ready}.status"},
        {"name": "Secret", "type": "string", "jsonPath": ".spec.secretName"},
        {"name": "Status", "type": "string", "jsonPath": f"{ready}.message", "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    any_fields = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties = {
        "spec": any_fields | {"properties": {"secretName": {"type": "string"}}},
        "status": any_fields | {"properties": {"notAfter": {"type": "string", "format": "date-time"}}},
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": any_fields | {"properties": properties}},
        "additionalPrinterColumns": printed,
    }
    yield (
        "customresourcedefinitions.apiextensions.k8s.io",
        {
            "metadata": {"name": "certificates.cert-manager.io", "creationTimestamp": _DEPLOYED},
            "spec": {
                "group": "cert-manager.io",
                "scope": "Namespaced",
                "names": names,
                "versions": [version],
            },
        },
    )
    yield _certificate("shop-web", "True", "Ready", "Certificate is up to date and has not expired")
    yield _certificate("shop-api", "False", "DoesNotExist", "Issuing certificate as Secret does not exist")


def _certificate(name: str, ready: str, reason: str, message: str) -> Item:
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": message, "observedGeneration": 1}
    return "certificates.cert-manager.io", {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": _DEPLOYED, "generation": 1},
        "spec": {
            "secretName": f"{name}-tls",
            "dnsNames": [f"{name}.lab.example.com"],
            "issuerRef": {"name": "lab-ca", "kind": "ClusterIssuer"},
        },
        "status": {"conditions": [condition | {"lastTransitionTime": _DEPLOYED}]},
    }


def _system(cluster: str, nodes: tuple[str, ...]) -> Iterator[Item]:
    """Make what a fresh minikube holds."""
    first = nodes[0]
    for index, name in enumerate(nodes):
        yield _node(name, f"192.168.49.{2 + index}", control_plane=name == first)
    yield service("kubernetes", "default", "10.96.0.1", [("https", 443)], created=_STARTED)
    dns = {"k8s-app": "kube-dns"}
    yield service("kube-dns", "kube-system", "10.96.0.10", [("dns", 53), ("dns-tcp", 53)], created=_STARTED, **dns)
    yield from Workload(
        cluster=cluster,
        name="coredns",
        namespace="kube-system",
        image="registry.k8s.io/coredns/coredns:v1.12.4",
        created=_STARTED,
        nodes=(first,),
        labels=dns,
        port=8080,
    ).items()
    yield from _proxies(cluster, nodes)
    for name, image in _CONTROL_PLANE.items():
        owner = owned_by("Node", "v1", first, uid_of(cluster, "nodes", first))
        labels = {"component": name, "tier": "control-plane"}
        yield "pods", _system_pod(f"{name}-{first}", name, image, first, labels, owner)
    image = "gcr.io/k8s-minikube/storage-provisioner:v5"
    labels = {"addonmanager.kubernetes.io/mode": "Reconcile", "integration-test": "storage-provisioner"}
    yield "pods", _system_pod("storage-provisioner", "storage-provisioner", image, first, labels, None)


def _system_pod(
    name: str, container: str, image: str, node: str, labels: dict[str, str], owner: dict[str, Any] | None
) -> dict[str, Any]:
    return Pod(
        name=name,
        namespace="kube-system",
        container=container,
        image=image,
        node=node,
        created=_STARTED,
        labels=labels,
        owner=owner,
        host_network=True,
    ).document()


def _proxies(cluster: str, nodes: tuple[str, ...]) -> Iterator[Item]:
    """Make the DaemonSet kube-proxy with a pod on each node."""
    labels = {"k8s-app": "kube-proxy"}
    count = len(nodes)
    container = {"name": "kube-proxy", "image": _PROXY_IMAGE}
    yield (
        "daemonsets.apps",
        {
            "metadata": {
                "name": "kube-proxy",
                "namespace": "kube-system",
                "creationTimestamp": _STARTED,
                "generation": 1,
                "labels": labels,
            },
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], "hostNetwork": True}},
            },
            "status": {
                "currentNumberScheduled": count,
                "desiredNumberScheduled": count,
                "numberAvailable": count,
                "numberMisscheduled": 0,
                "numberReady": count,
                "observedGeneration": 1,
            },
        },
    )
    owner = owned_by("DaemonSet", "apps/v1", "kube-proxy", uid_of(cluster, "daemonsets.apps", "kube-system/kube-proxy"))
    for name, suffix in zip(nodes, ("x7k2p", "q9d4w"), strict=False):
        yield "pods", _system_pod(f"kube-proxy-{suffix}", "kube-proxy", _PROXY_IMAGE, name, labels, owner)


def _node(name: str, address: str, *, control_plane: bool) -> Item:
    labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    if control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
    return "nodes", {
        "metadata": {"name": name, "creationTimestamp": _STARTED, "labels": labels},
        "spec": {"podCIDR": "10.244.0.0/24", "podCIDRs": ["10.244.0.0/24"]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "allocatable": {"cpu": "2", "memory": "8027880Ki", "pods": "110"},
            "capacity": {"cpu": "2", "memory": "8027880Ki", "pods": "110"},
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "KubeletReady",
                    "message": "kubelet is posting ready status",
                    "lastHeartbeatTime": _STARTED,
                    "lastTransitionTime": _STARTED,
                }
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": uid_of(name, "boot"),
                "containerRuntimeVersion": "containerd://2.2.0",
                "kernelVersion": "6.12.57",
                "kubeProxyVersion": "",
                "kubeletVersion": _VERSION,
                "machineID": uid_of(name, "machine").replace("-", ""),
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "systemUUID": uid_of(name, "system"),
            },
        },
    }
