"""Many scopes of few objects: a small cluster with all its resources, and a hundred contexts by the command line.

Custom resources make up for what the catalogue has not: each is a list and a transaction like any other. What else the
clusters serve is not asked for, so that the numbers stay the same from version to version.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from k8s_inventory_demo.postgres.server import PostgresServer
from k8s_inventory_demo.simulator import Cluster, Simulator
from k8s_inventory_demo.simulator.pods import pods

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.benchmarks.measuring import measure, measure_command
from tests.benchmarks.model import BenchmarkError, Place, Results
from tests.kit.api import ApiError
from tests.kit.cluster import LiveCluster, live_cluster
from tests.kit.custom_resources import DEFINITIONS, GROUP
from tests.kit.populating import populate
from tests.kit.waiting import wait_until

RESOURCES: Final = 60
"""What a small cluster has, about."""
_NAMES: Final = [*resources.CATALOGUE, f"*.{GROUP}"]
CONTEXTS: Final = 100
CONTEXT_RESOURCES: Final = 20
_PODS: Final = 20
_SCHEMA: Final = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}

Say = Callable[[str], None]


def small(results: Results, server: PostgresServer, folder: Path, *, real: bool, runs: int, say: Say) -> None:
    """Sync all resources of one cluster in one task: the first time, and again."""
    with (
        live_cluster("small", folder, real=real) as cluster,
        _database(server, "small") as conn,
    ):
        populate(cluster, "default")
        # The cluster has one custom resource already.
        _define(cluster, RESOURCES - len(resources.CATALOGUE) - 1)
        place = Place(kubeconfig=str(cluster.kubeconfig), context=cluster.context, dsn=server.dsn("small"))
        for number in range(1, runs + 1):
            _empty(conn)
            for case in ("small-first", "small-again"):
                results.add(case, measurement := measure("tests.benchmarks.probes:several", place, {"names": _NAMES}))
                say(f"all resources of a small cluster, run {number}: {measurement.seconds:.2f} s")


def many(results: Results, server: PostgresServer, folder: Path, *, runs: int, say: Say) -> None:
    """Sync all resources of a hundred simulated contexts by the command line: the first time, and again."""
    say(f"creating {CONTEXTS} simulated clusters")
    clusters = [_cluster(f"cluster-{number:03}") for number in range(CONTEXTS)]
    with Simulator(clusters) as simulator, _database(server, "many") as conn:
        path = simulator.kubeconfig(folder / "kubeconfig")
        named = (option for name in _NAMES for option in ("--resource", name))
        arguments = ("sync", "--kubeconfig", str(path), *named, "--json")
        for number in range(1, runs + 1):
            _empty(conn)
            for case in ("many-first", "many-again"):
                measurement, output = measure_command(
                    ("airflow_provider_k8s_inventory", *arguments), {"DATABASE_URL": server.dsn("many")}
                )
                _check(output)
                results.add(case, measurement)
                say(f"{CONTEXTS} contexts × {CONTEXT_RESOURCES} resources, run {number}: {measurement.seconds:.1f} s")


def _check(output: str) -> None:
    """See that every scope was synced."""
    ended = Counter(json.loads(line)["status"] for line in output.splitlines())
    if ended != {"success": CONTEXTS * CONTEXT_RESOURCES}:
        raise BenchmarkError(f"not every scope is a success: {dict(ended)}")


@contextmanager
def _database(server: PostgresServer, name: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.create_database(name), autocommit=True) as conn:
        migrate(conn)
        yield conn


def _empty(conn: psycopg.Connection) -> None:
    tables = ", ".join(("k8s_syncs", "k8s_scopes", *(table.name for table in resources.TABLES)))
    conn.execute(f"TRUNCATE {tables}".encode())


def _cluster(name: str) -> Cluster:
    cluster = Cluster(name)
    cluster.seed("pods", pods(_PODS))
    numbers = range(CONTEXT_RESOURCES - len(resources.CATALOGUE))
    cluster.seed("crds", map(_definition, numbers))
    for number in numbers:
        cluster.create(f"{_plural(number)}.{GROUP}", _instance(number), "default")
    return cluster


def _define(cluster: LiveCluster, count: int) -> None:
    """Teach a cluster so many custom resources, and make an instance of each."""
    for number in range(count):
        cluster.request("POST", DEFINITIONS, _definition(number))
    for number in range(count):
        path = f"/apis/{GROUP}/v1/namespaces/default/{_plural(number)}"
        wait_until(lambda path=path: _listed(cluster, path), f"{path} to be served")  # type: ignore[misc]
        cluster.request("POST", path, _instance(number))


def _listed(cluster: LiveCluster, path: str) -> bool:
    try:
        cluster.request("GET", path)
    except ApiError as error:
        if error.status not in (404, 429):  # 429: its storage is being initialized
            raise
        return False
    return True


def _plural(number: int) -> str:
    return f"kind{number:02}s"


def _definition(number: int) -> dict[str, Any]:
    plural = _plural(number)
    names = {"plural": plural, "singular": plural.removesuffix("s"), "kind": f"Kind{number:02}"}
    version = {"name": "v1", "served": True, "storage": True, "schema": _SCHEMA}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _instance(number: int) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1", "kind": f"Kind{number:02}", "metadata": {"name": "first"}, "spec": {"size": 3}}
