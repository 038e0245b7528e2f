"""``k8s-inventory watch`` over a hundred simulated contexts: at rest, with changes everywhere, and with one busy scope.

The simulator, PostgreSQL and the watcher share the machine's cores.
"""

from __future__ import annotations

import itertools
import random
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from k8s_inventory_demo.postgres.server import PostgresServer
from k8s_inventory_demo.processes import free_port
from k8s_inventory_demo.simulator import Cluster, Simulator
from k8s_inventory_demo.simulator.objects import decode
from k8s_inventory_demo.simulator.pods import pods

from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.benchmarks import memory, usage
from tests.benchmarks.measuring import ROOT
from tests.benchmarks.model import Measurement, Results
from tests.kit.waiting import wait_until

CONTEXTS: Final = 100
NAMES: Final = ("pods", "deployments", "services", "nodes", "namespaces", "configmaps", "replicasets")
RATE: Final = 100
"""Changes a second over all contexts."""
BUSY: Final = 1_000
"""Changes a second of one scope."""
_PODS: Final = 20
_BUSY_PODS: Final = 1_000
"""Pods of the busy scope, each of which changes once a second."""
_REST: Final = 60.0
"""Seconds at rest: the time between two bookmarks of a scope."""
_LATE: Final = 300.0
"""Seconds after which what has not come is lost."""
_POLL: Final = 0.05
_WITHIN: Final = 1_000
"""Rows of history that are looked at again: the id of one that is committed late may be less than what was seen."""

Say = Callable[[str], None]


def watch(results: Results, server: PostgresServer, folder: Path, *, seconds: float, say: Say) -> None:
    """Watch, and measure at rest, with changes over all contexts, and with many changes of one scope.

    :param seconds: the length of both kinds of changes.
    """
    say(f"creating {CONTEXTS} simulated clusters")
    clusters = [_cluster(f"cluster-{number:03}") for number in range(CONTEXTS)]
    busy = clusters[0]
    busy.seed("pods", pods(_BUSY_PODS, start=_PODS))
    with Simulator(clusters) as simulator, psycopg.connect(server.create_database("watch"), autocommit=True) as conn:
        migrate(conn)
        kubeconfig = simulator.kubeconfig(folder / "kubeconfig")
        started = time.monotonic()
        with _watching(kubeconfig, server.dsn("watch"), folder / "log") as process:
            results.add("watch-start", Measurement(seconds=time.monotonic() - started))
            say(f"{CONTEXTS} contexts × {len(NAMES)} resources caught up in {results.seconds('watch-start'):.1f} s")
            results.add("watch-rest", _rest(process))
            results.add("watch-everywhere", _everywhere(process, conn, clusters, seconds))
            results.add("watch-busy", _busy(process, conn, busy, seconds))
            for case in ("watch-rest", "watch-everywhere", "watch-busy"):
                say(f"{case}: {results.of(case)[-1]}")


def _cluster(name: str) -> Cluster:
    cluster = Cluster(name)
    cluster.seed("pods", pods(_PODS))
    return cluster


@contextmanager
def _watching(kubeconfig: Path, dsn: str, log: Path) -> Iterator[int]:
    """A watcher of all contexts that is caught up."""
    port = free_port()
    command = [sys.executable, "-m", "airflow_provider_k8s_inventory", "watch", "--kubeconfig", str(kubeconfig)]
    command += ["--dsn", dsn, "--health-port", str(port)]
    command += [option for name in NAMES for option in ("--resource", name)]
    with log.open("w") as lines, subprocess.Popen(command, stderr=lines, cwd=ROOT) as process:
        try:
            wait_until(lambda: _is_ready(port), "all scopes to be caught up", seconds=_LATE)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _rest(process: int) -> Measurement:
    """Let nothing change."""
    before = usage.seconds_of(process)
    time.sleep(_REST)
    used = usage.seconds_of(process) - before
    return Measurement(seconds=_REST, cpu=used, facts={"cores": used / _REST, "resident": memory.resident(process)})


def _everywhere(process: int, conn: psycopg.Connection, clusters: list[Cluster], seconds: float) -> Measurement:
    """Create objects in all contexts, and see when each has a row."""
    creating, before, most = _Creating(clusters), usage.seconds_of(process), memory.resident(process)
    made_at: dict[str, float] = {}
    seen_at: dict[str, float] = {}
    since, started = _last(conn), time.monotonic()
    while (now := time.monotonic() - started) < seconds or (len(seen_at) < len(made_at) and now < seconds + _LATE):
        while now < seconds and len(made_at) < now * RATE:
            made_at[creating.create()] = time.monotonic()
        written = _written(conn, since)
        since = max([since, *(id_ - _WITHIN for id_ in written.values())])
        seen_at = {name: time.monotonic() for name in written} | seen_at
        most = max(most, memory.resident(process))
        time.sleep(_POLL)
    waits = sorted(seen_at[name] - made for name, made in made_at.items() if name in seen_at)
    return Measurement(
        seconds=statistics.median(waits),
        cpu=usage.seconds_of(process) - before,
        memory=most,
        facts={"late": waits[int(len(waits) * 0.99)], "lost": len(made_at) - len(waits), "changes": len(made_at)},
    )


class _Creating:
    """Creates objects of any resource in any context, the same in every run."""

    def __init__(self, clusters: list[Cluster]) -> None:
        self._clusters = clusters
        self._chosen = random.Random(0)
        self._numbers = itertools.count()

    def create(self) -> str:
        """Create one, and return its name, which no other one has."""
        number = next(self._numbers)
        cluster, resource = self._chosen.choice(self._clusters), self._chosen.choice(NAMES)
        document = decode(next(pods(1, start=100_000 + number))) if resource == "pods" else {"metadata": {}}
        metadata = {key: value for key, value in document["metadata"].items() if key not in {"namespace", "uid"}}
        document["metadata"] = metadata | {"name": f"watched-{number}"}
        cluster.create(resource, document, None if resource in {"nodes", "namespaces"} else "default")
        return f"watched-{number}"


def _busy(process: int, conn: psycopg.Connection, cluster: Cluster, seconds: float) -> Measurement:
    """Change the pods of one scope again and again, and see when the last of it has been written."""
    names = [(each["metadata"]["name"], each["metadata"]["namespace"]) for each in cluster.objects("pods")]
    before, most, done = usage.seconds_of(process), [memory.resident(process)], 0
    started = time.monotonic()
    while (now := time.monotonic() - started) < seconds:
        while done < now * BUSY:
            name, namespace = names[done % len(names)]
            cluster.patch("pods", name, {"metadata": {"labels": {"turn": str(done)}}}, namespace)
            done += 1
        most.append(memory.resident(process))
        time.sleep(_POLL)
    ended = time.monotonic()
    wanted = {str(number) for number in range(done - len(names), done)}
    wait_until(lambda: wanted <= _turns(conn), "the last changes", seconds=_LATE)
    half = len(most) // 2
    return Measurement(
        seconds=time.monotonic() - ended,
        cpu=usage.seconds_of(process) - before,
        memory=max(most),
        facts={"changes": done, "grown": max(most[half:]) - max(most[:half])},
    )


def _last(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT coalesce(max(id), 0) FROM k8s_history").fetchone()
    return int(row[0]) if row else 0


def _written(conn: psycopg.Connection, since: int) -> dict[str, int]:
    return dict(conn.execute("SELECT name, id FROM k8s_history WHERE id > %s", [since]).fetchall())


def _turns(conn: psycopg.Connection) -> set[str]:
    rows = conn.execute("SELECT labels ->> 'turn' FROM k8s_pods WHERE labels ? 'turn'").fetchall()
    return {row[0] for row in rows}
