"""A cluster with as many pods as are wanted: a real control plane, or a simulated one.

Both have the pods of `pods`. How they are booted and served is in `tests.clusters` and in the simulator.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, Protocol

from k8s_inventory_demo.simulator import Cluster, Simulator
from k8s_inventory_demo.simulator.objects import encode

from tests.benchmarks.pods import NAMESPACES, Document, namespace, pods
from tests.clusters import programs
from tests.clusters.control_plane import ADMIN, ControlPlane
from tests.fixtures.kubernetes_api import Api

CONTEXT: Final = "bench"
_THREADS: Final = 8
_AT_ONCE: Final = 1000
_SERVER_SETS: Final = ("uid", "creationTimestamp", "managedFields")


class PodCluster(Protocol):
    """A cluster that is there to have pods."""

    description: str
    """Which server this is; for example ``"kube-apiserver v1.36.3"``."""
    kubeconfig: Path
    size: int
    """The number of pods."""

    def grow(self, size: int) -> None:
        """Create pods until there are so many."""

    def change(self, count: int) -> None:
        """Change a label of so many pods."""

    def stir(self) -> None:
        """Write something that is no pod, as somebody always does in a cluster: a watch of pods hears nothing of it."""


@contextmanager
def real(folder: Path, feature_gates: Mapping[str, bool] | None = None) -> Iterator[PodCluster]:
    """Boot etcd and kube-apiserver, and nothing else: controllers would delete pods that have no node and no owner."""
    found, bin = programs.find(), folder / "bin"
    bin.mkdir()
    for name in ("etcd", "kube-apiserver"):
        (bin / name).symlink_to(found / name)
    with ControlPlane(folder, bin, feature_gates=feature_gates) as control_plane:
        cluster = _RealCluster(control_plane)
        yield cluster
        cluster.close()


@contextmanager
def simulated(folder: Path) -> Iterator[PodCluster]:
    """Serve a simulated cluster from this process."""
    with Simulator([Cluster(CONTEXT)]) as simulator:
        yield _SimulatedCluster(simulator, folder)


class _RealCluster:
    def __init__(self, control_plane: ControlPlane) -> None:
        self.description = f"kube-apiserver {control_plane.request('GET', '/version')['gitVersion']}"
        document = control_plane.kubeconfig({CONTEXT: ADMIN})
        self.kubeconfig = _write(control_plane.folder, document)
        (token,) = (user["user"]["token"] for user in document["users"])
        self._apis = [Api(control_plane.server, str(control_plane.ca_file), token) for _ in range(_THREADS)]
        self._idle: SimpleQueue[Api] = SimpleQueue()
        for api in self._apis:
            self._idle.put(api)
        self.size, self._changes = 0, itertools.count()

    def grow(self, size: int) -> None:
        if not self.size:
            for number in range(NAMESPACES):
                self._send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace(number)}})
        self._for_each(self._create, pods(size - self.size, start=self.size))
        self.size = size

    def change(self, count: int) -> None:
        patch = _change(next(self._changes))
        self._for_each(lambda pod: self._send("PATCH", _path(pod), patch), _spread(count, self.size))

    def stir(self) -> None:
        self._send("PATCH", "/api/v1/namespaces/default", _change(next(self._changes)))

    def close(self) -> None:
        for api in self._apis:
            api.close()

    def _create(self, pod: Document) -> None:
        """Create a pod, then give it its status: what creates an object has no say in that."""
        for name in _SERVER_SETS:
            del pod["metadata"][name]
        self._send("POST", _path(pod).rpartition("/")[0], pod)
        self._send("PATCH", f"{_path(pod)}/status", {"status": pod["status"]})

    def _send(self, method: str, path: str, body: object) -> None:
        api = self._idle.get()
        try:
            api.request(method, path, body)
        finally:
            self._idle.put(api)

    @staticmethod
    def _for_each(action: Callable[[Any], None], items: Iterable[Any]) -> None:
        iterator = iter(items)
        with ThreadPoolExecutor(_THREADS) as executor:
            while some := list(itertools.islice(iterator, _AT_ONCE)):
                list(executor.map(action, some))


class _SimulatedCluster:
    description = "the simulator"

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.kubeconfig = _write(folder, simulator.kubeconfig_document())
        self._cluster = simulator[CONTEXT]
        self.size, self._changes = 0, itertools.count()

    def grow(self, size: int) -> None:
        self._cluster.seed("pods", map(encode, pods(size - self.size, start=self.size)))
        self.size = size

    def change(self, count: int) -> None:
        patch = _change(next(self._changes))
        for pod in _spread(count, self.size):
            self._cluster.patch("pods", pod["metadata"]["name"], patch, pod["metadata"]["namespace"])

    def stir(self) -> None:
        self._cluster.patch("namespaces", "default", _change(next(self._changes)))


def _change(number: int) -> dict[str, Any]:
    return {"metadata": {"labels": {"changed": str(number)}}}


def _spread(count: int, size: int) -> Iterator[Document]:
    """So many of the pods, evenly apart."""
    for place in range(count):
        yield from pods(1, start=place * size // count)


def _path(pod: Document) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _write(folder: Path, document: dict[str, Any]) -> Path:
    """Write a kubeconfig without compression: over loopback it costs more than it saves, and the plain way has none."""
    for cluster in document["clusters"]:
        cluster["cluster"]["disable-compression"] = True
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document))
    return path
