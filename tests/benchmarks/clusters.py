"""A cluster with as many pods as are wanted, which are those of `pods`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from k8s_inventory_demo.simulator.objects import encode

from tests.benchmarks.pods import NAMESPACES, Document, namespace, pods
from tests.kit import api
from tests.kit.cluster import LiveCluster, SimulatedCluster

CONTEXT: Final = "bench"
_AT_ONCE: Final = 1000
_SERVER_SETS: Final = ("uid", "creationTimestamp", "managedFields")


class PodCluster:
    """The pods of a cluster that is there to have pods.

    :param cluster: a cluster without any, and without controllers.
    :param folder: where its kubeconfig goes.
    """

    def __init__(self, cluster: LiveCluster, folder: Path) -> None:
        self.description = cluster.description
        self.kubeconfig = _without_compression(cluster.kubeconfig, folder / "kubeconfig-bench")
        self.size = 0
        self._cluster = cluster
        self._changes = itertools.count()

    def grow(self, size: int) -> None:
        """Create pods until there are so many."""
        more = pods(size - self.size, start=self.size)
        if isinstance(self._cluster, SimulatedCluster):
            self._cluster.simulated.seed("pods", map(encode, more))
        else:
            if not self.size:
                for number in range(NAMESPACES):
                    self._cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace(number)}})
            self._for_each(self._create, more)
        self.size = size

    def change(self, count: int) -> None:
        """Change a label of so many pods, evenly apart."""
        patch = _change(next(self._changes))
        changed = (pod for place in range(count) for pod in pods(1, start=place * self.size // count))
        self._for_each(lambda pod: self._cluster.request("PATCH", _path(pod), patch), changed)

    def stir(self) -> None:
        """Write something that is no pod, as somebody always does in a cluster: a watch of pods hears nothing of it."""
        self._cluster.request("PATCH", "/api/v1/namespaces/default", _change(next(self._changes)))

    def _create(self, pod: Document) -> None:
        """Create a pod, then give it its status: what creates an object has no say in that."""
        for name in _SERVER_SETS:
            del pod["metadata"][name]
        self._cluster.request("POST", _path(pod).rpartition("/")[0], pod)
        self._cluster.request("PATCH", f"{_path(pod)}/status", {"status": pod["status"]})

    @staticmethod
    def _for_each(action: Callable[[Document], object], items: Iterable[Document]) -> None:
        iterator = iter(items)
        with ThreadPoolExecutor(api.CONNECTIONS) as executor:
            while some := list(itertools.islice(iterator, _AT_ONCE)):
                list(executor.map(action, some))


def _change(number: int) -> dict[str, Any]:
    return {"metadata": {"labels": {"changed": str(number)}}}


def _path(pod: Document) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _without_compression(kubeconfig: Path, path: Path) -> Path:
    """Write the kubeconfig without compression: on loopback it costs more than it saves, and the plain way has none."""
    document = json.loads(kubeconfig.read_text())
    for cluster in document["clusters"]:
        cluster["cluster"]["disable-compression"] = True
    path.write_text(json.dumps(document))
    return path
