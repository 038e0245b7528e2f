"""Any number of pods of about 5.5 kB, for tests and benchmarks.

What is in one is made in `pod`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from k8s_inventory_demo.simulator.objects import encode
from k8s_inventory_demo.simulator.pod import Pod, owned_by


def pods(count: int, *, start: int = 0, namespaces: int = 20, nodes: int = 100) -> Iterator[bytes]:
    """Make running pods of deployments, about 5.5 kB of JSON each, always the same.

    :param start: the number of the first one; a pod depends on its number only.
    :param namespaces: how many namespaces they are spread over: ``ns-00``, ``ns-01``, …
    :param nodes: how many nodes they run on: ``node-000``, ``node-001``, …
    """
    # Alternately text and the name of what goes between: joining is ten times faster than replacing in each pod.
    pieces = re.split(rb"@(\w+)@", _template())
    for number in range(start, start + count):
        group = number // 10
        values = {
            b"group": b"%05d" % group,
            b"number": b"%07d" % number,
            b"namespace": b"ns-%02d" % (group % namespaces),
            b"node": b"node-%03d" % (number % nodes),
            b"address": b"10.%d.%d.%d" % (number >> 16 & 255, number >> 8 & 255, number & 255),
        }
        yield b"".join([values[piece] if index % 2 else piece for index, piece in enumerate(pieces)])


def _template() -> bytes:
    owner = owned_by("ReplicaSet", "apps/v1", "app-@group@-6b8f9c7d5", "10000000-0000-5000-8000-0000000@group@")
    labels = {
        "app.kubernetes.io/name": "app-@group@",
        "app.kubernetes.io/instance": "app-@group@-production",
        "app.kubernetes.io/component": "backend",
        "app.kubernetes.io/part-of": "shop",
        "app.kubernetes.io/managed-by": "Helm",
        "pod-template-hash": "6b8f9c7d5",
    }
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "checksum/config": "0f" * 32}
    pod = Pod(
        name="app-@group@-6b8f9c7d5-@number@",
        namespace="@namespace@",
        container="app",
        image="registry.example.com/team/app-@group@:1.4.2",
        node="@node@",
        created="2026-01-05T08:00:00Z",
        address="@address@",
        labels=labels,
        annotations=annotations,
        owner=owner,
        environment={
            "LOG_LEVEL": "info",
            "DATABASE_HOST": "postgres-@group@.@namespace@.svc.cluster.local",
            "CACHE_HOST": "redis-@group@.@namespace@.svc.cluster.local",
            "FEATURES": "checkout,search,recommendations",
        },
        port=8080,
    )
    document = pod.document()
    document["metadata"]["uid"] = "20000000-0000-5000-8000-00000@number@"
    return encode(document)
