"""Many scopes of few objects: clusters with all their resources, and a hundred contexts by the command line.

Definitions of custom resources are as large as real ones: those of cert-manager, Argo CD and Istio have 5 to 200 kB.
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
from tests.kit.cluster import LiveCluster, SimulatedCluster, live_cluster
from tests.kit.custom_resources import DEFINITIONS, GROUP
from tests.kit.populating import populate
from tests.kit.waiting import wait_until

CUSTOM: Final = 50
"""Custom resources of a small cluster."""
MANY_CUSTOM: Final = 2_000
"""Those of one in which many operators are at work, as Crossplane's providers bring them."""
_INSTANCES: Final = 20
CONTEXTS: Final = 100
CONTEXT_NAMES: Final = (
    *resources.DEFAULT, "nodes", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "configmaps",
    "endpointslices", "ingresses", "networkpolicies", "persistentvolumeclaims", "persistentvolumes", "serviceaccounts",
    "roles",
)  # fmt: skip
"""What the command line syncs of each context."""
_PODS: Final = 20
_FIELDS: Final = 100
"""Described fields of a definition, which then has 17 kB of JSON."""
_PLAIN: Final = 10
"""Those right below spec, as a certificate of cert-manager has, which become columns of its view."""
_DESCRIPTION: Final = "The reference of what this is about, as people read it in kubectl explain. Cannot be updated."

Say = Callable[[str], None]


def small(results: Results, server: PostgresServer, folder: Path, *, real: bool, runs: int, say: Say) -> None:
    """Sync all resources of one cluster in one task: the first time, and again."""
    with live_cluster("small", folder, real=real) as cluster:
        populate(cluster, "default")
        _define(cluster, CUSTOM)
        _sync_all(results, server, cluster, runs, say)


def crds(results: Results, server: PostgresServer, folder: Path, *, runs: int, say: Say) -> None:
    """Do the same with a simulated cluster of many custom resources."""
    say(f"creating {MANY_CUSTOM} custom resources")
    cluster = Cluster("crds")
    cluster.seed("crds", map(_definition, range(MANY_CUSTOM)))
    for number in range(MANY_CUSTOM):
        cluster.create(f"{_plural(number)}.{GROUP}", _instance(number, 0), "default")
    with Simulator([cluster]) as simulator:
        _sync_all(results, server, SimulatedCluster(simulator, "crds", folder), runs, say)


def _sync_all(results: Results, server: PostgresServer, cluster: LiveCluster, runs: int, say: Say) -> None:
    """Sync all that a cluster serves, in one task: the first time, and again."""
    name = cluster.context
    with _database(server, name) as conn:
        place = Place(kubeconfig=str(cluster.kubeconfig), context=name, dsn=server.dsn(name))
        for number in range(1, runs + 1):
            _empty(conn)
            for case in (f"{name}-first", f"{name}-again"):
                results.add(case, found := measure("tests.benchmarks.probes:several", place, {"names": ["*"]}))
                about = f"{found.facts['scopes']} resources, {found.facts['seen']} objects, {found.memory:.0f} MB"
                say(f"{case}, run {number}: {found.seconds:.2f} s ({about})")


def many(results: Results, server: PostgresServer, folder: Path, *, runs: int, say: Say) -> None:
    """Sync all resources of a hundred simulated contexts by the command line: the first time, and again."""
    say(f"creating {CONTEXTS} simulated clusters")
    clusters = [_cluster(f"cluster-{number:03}") for number in range(CONTEXTS)]
    with Simulator(clusters) as simulator, _database(server, "many") as conn:
        path = simulator.kubeconfig(folder / "kubeconfig")
        named = (option for name in CONTEXT_NAMES for option in ("--resource", name))
        arguments = ("sync", "--kubeconfig", str(path), *named, "--json")
        for number in range(1, runs + 1):
            _empty(conn)
            for case in ("many-first", "many-again"):
                measurement, output = measure_command(
                    ("airflow_provider_k8s_inventory", *arguments), {"DATABASE_URL": server.dsn("many")}
                )
                _check(output)
                results.add(case, measurement)
                say(f"{CONTEXTS} contexts × {len(CONTEXT_NAMES)} resources, run {number}: {measurement.seconds:.1f} s")


def _check(output: str) -> None:
    """See that every scope was synced."""
    ended = Counter(json.loads(line)["status"] for line in output.splitlines())
    if ended != {"success": CONTEXTS * len(CONTEXT_NAMES)}:
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
    return cluster


def _define(cluster: LiveCluster, count: int) -> None:
    """Teach a cluster so many custom resources, and make instances of each."""
    for number in range(count):
        cluster.request("POST", DEFINITIONS, _definition(number))
    for number in range(count):
        path = f"/apis/{GROUP}/v1/namespaces/default/{_plural(number)}"
        wait_until(lambda path=path: _listed(cluster, path), f"{path} to be served")  # type: ignore[misc]
        for instance in range(_INSTANCES):
            cluster.request("POST", path, _instance(number, instance))


def _listed(cluster: LiveCluster, path: str) -> bool:
    try:
        cluster.request("GET", path)
    except ApiError as error:
        if error.status not in (404, 429):  # 429: its storage is being initialized
            raise
        return False
    return True


def _plural(number: int) -> str:
    return f"kind{number:04}s"


def _definition(number: int) -> dict[str, Any]:
    plural = _plural(number)
    names = {"plural": plural, "singular": plural.removesuffix("s"), "kind": f"Kind{number:04}"}
    fields = {f"field{place:03}": {"type": "string", "description": _DESCRIPTION} for place in range(_FIELDS)}
    plain = dict(list(fields.items())[:_PLAIN])
    config = {"type": "object", "properties": fields}
    spec = {"type": "object", "properties": {"size": {"type": "integer"}, **plain, "config": config}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _instance(number: int, instance: int) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": f"Kind{number:04}",
        "metadata": {"name": f"number{instance:02}"},
        "spec": {"size": instance, "field001": "a value"},
    }
