"""Any number of pods as real clusters have them: 5 kB that are stored, and 1 to 3 kB of managedFields beside them.

Half of what is stored is random: ids, digests, checksums, tokens. Pods that repeat themselves compress to a fifth and
make PostgreSQL look twice as fast as it is. A pod depends on its number only: all runs and all servers have the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from k8s_inventory_demo.simulator.pod import Pod, owned_by

NAMESPACES: Final = 20

Document = dict[str, Any]

_DIGESTS: Final = 30
_REPLICAS: Final = 10
_NODES: Final = 100


def pods(count: int, *, start: int = 0) -> Iterator[Document]:
    """Make running pods of deployments.

    :param start: the number of the first one.
    """
    return map(_pod, range(start, start + count))


def namespace(number: int) -> str:
    """The name of one of the namespaces that pods are spread over."""
    return f"ns-{number % NAMESPACES:02}"


def _pod(number: int) -> Document:
    group = number // _REPLICAS
    of_pod, of_group = Random(f"pod {number}"), Random(f"group {group}")
    app, template = f"app-{group:05}", of_group.randbytes(5).hex()
    document = Pod(
        name=f"{app}-{template}-{of_pod.randbytes(3).hex()}",
        namespace=namespace(group),
        container="app",
        image=f"registry.example.com/team/{app}:1.4.2",
        node=f"ip-10-0-{number % _NODES}-17.eu-central-1.compute.internal",
        created="2026-01-05T08:00:00Z",
        address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        labels={
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/instance": f"{app}-production",
            "app.kubernetes.io/managed-by": "Helm",
            "pod-template-hash": template,
        },
        annotations={
            "checksum/config": _digest(of_group),
            "cni.projectcalico.org/containerID": _digest(of_pod),
            "cni.projectcalico.org/podIP": "10.244.0.10/32",
            "prometheus.io/scrape": "true",
        },
        owner=owned_by("ReplicaSet", "apps/v1", f"{app}-{template}", _uuid(of_group)),
        environment={"RELEASE": _digest(of_group), "SIGNATURES": ".".join(_digest(of_group) for _ in range(_DIGESTS))},
    ).document()
    document["metadata"]["uid"] = _uuid(of_pod)
    # As where automountServiceAccountToken is false.
    del document["spec"]["volumes"], document["spec"]["containers"][0]["volumeMounts"]
    if number % 4 == 0:
        _add_sidecar(document)
    for status in document["status"]["containerStatuses"]:
        # Pods of one image run one digest.
        status["imageID"] = f"{status['image'].partition(':')[0]}@sha256:{_digest(Random(status['image']))}"
        status["containerID"] = f"containerd://{_digest(of_pod)}"
    return document


def _add_sidecar(document: Document) -> None:
    """Give a pod a second container, which also makes its managedFields longer."""
    (container,), (status,) = document["spec"]["containers"], document["status"]["containerStatuses"]
    names = {"name": "proxy", "image": "registry.example.com/mesh/proxy:2.19.0"}
    document["spec"]["containers"].append({key: value for key, value in container.items() if key != "env"} | names)
    document["status"]["containerStatuses"].append(status | names)
    fields = document["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:containers"]
    fields |= {'k:{"name":"proxy"}': dict(*fields.values())}


def _digest(random: Random) -> str:
    return random.randbytes(32).hex()


def _uuid(random: Random) -> str:
    digits = random.randbytes(16).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
