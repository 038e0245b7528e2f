"""A week of a cluster in fast motion: what beats all the time leaves its rows up to date, and history short."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from k8s_inventory_demo.simulator import Cluster

from tests.kit.inventory import Inventory
from tests.kit.objects import named, node
from tests.kit.syncer import Syncer

DAYS, SYNCS_A_DAY = 7, 6
NODES = tuple(f"node-{number}" for number in range(10))
RESOURCES = ("nodes", "leases", "endpoints", "configmaps", "horizontalpodautoscalers", "replicasets", "deployments")


def time(beat: int) -> str:
    return f"2026-01-{1 + beat // 24:02}T{beat % 24:02}:00:00Z"


def conditions(beat: int) -> list[dict[str, Any]]:
    return [
        {"type": kind, "status": status, "lastHeartbeatTime": time(beat), "lastTransitionTime": time(0)}
        for kind, status in (("MemoryPressure", "False"), ("DiskPressure", "False"), ("Ready", "True"))
    ]


def leader(beat: int) -> dict[str, Any]:
    record = f'{{"holderIdentity":"one","renewTime":"{time(beat)}"}}'
    return {"metadata": {"annotations": {"control-plane.alpha.kubernetes.io/leader": record}}}


def start(dev: Cluster) -> None:
    dev.seed("nodes", [node(name) | {"status": {"conditions": conditions(0)}} for name in NODES])
    dev.seed("leases", [named(name, "kube-node-lease") for name in NODES])
    dev.seed("endpoints", [named("scheduler", "kube-system")])
    dev.seed(
        "configmaps", [named("controller-leader", "kube-system"), named("cluster-autoscaler-status", "kube-system")]
    )
    dev.seed("horizontalpodautoscalers", [named("web", "default") | {"spec": {"maxReplicas": 9}}])
    dev.seed("replicasets", [named("web-1", "default")])
    dev.seed("deployments", [named("web", "default") | {"spec": {"replicas": 3}}])


def beat(dev: Cluster, number: int) -> int:
    """Let all that beats do so once; how many objects did."""
    for name in NODES:
        images = [{"names": [f"web:{number}"], "sizeBytes": number}]
        dev.patch("nodes", name, {"status": {"conditions": conditions(number), "images": images}})
        dev.patch("leases", name, {"spec": {"renewTime": time(number)}}, "kube-node-lease")
    dev.patch("endpoints", "scheduler", leader(number), "kube-system")
    dev.patch("configmaps", "controller-leader", leader(number), "kube-system")
    dev.patch("configmaps", "cluster-autoscaler-status", {"data": {"status": time(number)}}, "kube-system")
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": number}}}]
    dev.patch("horizontalpodautoscalers", "web", {"status": {"currentMetrics": metrics}}, "default")
    annotations = {"deployment.kubernetes.io/desired-replicas": str(number)}
    dev.patch("replicasets", "web-1", {"metadata": {"annotations": annotations}}, "default")
    progress = [{"type": "Progressing", "status": "True", "lastUpdateTime": time(number)}]
    dev.patch("deployments", "web", {"status": {"observedGeneration": number, "conditions": progress}}, "default")
    return 2 * len(NODES) + 6


def test_less_than_one_in_a_hundred_beats_leaves_a_row(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    start(dev)
    beat(dev, 1)
    for resource in RESOURCES:
        sync(resource)
    beats = noise = 0
    for number, mode in zip(range(2, DAYS * SYNCS_A_DAY), cycle(("auto", "metadata", "delta", "full")), strict=False):
        beats += beat(dev, number)
        for resource in RESOURCES:
            noise += sync(resource, mode=mode).noise or 0
    rows = inventory.rows("k8s_history", "id")

    assert len(rows) < beats / 100, [(row["resource"], row["name"], row["summary"]) for row in rows]
    assert beats == noise + beats // (2 * len(NODES) + 6) * (len(NODES) + 1)  # leases and endpoints have no history
    assert inventory.row("k8s_nodes", "node-0")["object"]["status"]["conditions"] == conditions(DAYS * SYNCS_A_DAY - 1)


def test_what_happens_among_the_beats_is_history(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    start(dev)
    beat(dev, 1)
    for resource in RESOURCES:
        sync(resource)
    beat(dev, 2)
    dev.patch("nodes", "node-3", {"spec": {"unschedulable": True}})
    dev.patch("deployments", "web", {"spec": {"replicas": 5}}, "default")
    dev.patch("configmaps", "controller-leader", {"data": {"mode": "b"}}, "kube-system")
    for resource in RESOURCES:
        sync(resource)

    told = {(row["resource"], row["name"]): row["summary"] for row in inventory.rows("k8s_history", "id")}
    assert told.keys() == {("nodes", "node-3"), ("deployments", "web"), ("configmaps", "controller-leader")}
    assert "unschedulable false → true" in told["nodes", "node-3"]
    assert "replicas 3 → 5" in told["deployments", "web"]
