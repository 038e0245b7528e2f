"""Kill syncs at random moments while objects change: no row is lost, wrongly deleted or half written.

Each round starts the command line, ends it by a signal, and then lets one sync of the same mode come to its end. The
rows must be what the API server lists, and a reader that never stops must always have found the pods that nobody
touches. In the end history must tell how the rows were after each round.
"""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.clusters import programs
from tests.clusters.control_plane import ControlPlane
from tests.kit.cluster import RealCluster
from tests.kit.live_inventory import LiveInventory
from tests.kit.objects import pod
from tests.kit.past import Past
from tests.kit.waiting import wait_until

pytestmark = [pytest.mark.alters_database, pytest.mark.clusters, pytest.mark.postgres15, pytest.mark.timeout(3600)]

STABLE = 600
"""Pods that nobody touches: in every mode the scope is large enough not to be read in another way."""
CHURNED = 30
LONGEST = 1.2
"""Seconds after its session began in which a sync is killed; it takes about one."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PODS = "/api/v1/namespaces/default/pods"


def large_pod(name: str) -> dict[str, object]:
    filling = {f"example.com/{number}": f"{random.getrandbits(256):x}" for number in range(20)}
    return pod(name, annotations=filling, labels={"round": "0"})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """An API server without controllers, which would delete pods that have no node."""
    folder = tmp_path_factory.mktemp("killed")
    found = folder / "bin"
    found.mkdir()
    for name in ("etcd", "kube-apiserver"):
        (found / name).symlink_to(programs.find() / name)
    with ControlPlane(folder, found, arguments=["--disable-admission-plugins=ServiceAccount"]) as booted:
        for number in range(STABLE):
            booted.request("POST", PODS, large_pod(f"stable-{number:03}"))
        yield RealCluster(booted, "dev", ())


@contextmanager
def changing(cluster: RealCluster) -> Iterator[None]:
    """Create, change and delete pods without end."""
    ended = threading.Event()

    def change() -> None:
        for number in itertools.count():
            name = f"churned-{number % CHURNED:02}"
            if ended.is_set():
                return
            cluster.request("POST", PODS, large_pod(name))
            cluster.request("PATCH", f"{PODS}/{name}", {"metadata": {"labels": {"round": str(number)}}})
            cluster.request("DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def looking(migrated_database: str) -> Iterator[list[int]]:
    """Count the pods that nobody touches again and again; yields what was found."""
    ended = threading.Event()
    found: list[int] = []

    def look() -> None:
        with psycopg.connect(migrated_database, autocommit=True) as conn:
            while not ended.is_set():
                row = conn.execute("SELECT count(*) FROM k8s_pods WHERE name LIKE 'stable-%'").fetchone()
                found.append(row[0] if row else -1)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def command(cluster: RealCluster, migrated_database: str, mode: str) -> list[str]:
    program = str(Path(sys.executable).parent / "k8s-inventory")
    where = ["--kubeconfig", str(cluster.kubeconfig), "--dsn", migrated_database]
    return [program, "sync", *where, "--resource", "pods", "--mode", mode, "--json"]


def sessions(conn: psycopg.Connection) -> int:
    row = conn.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'k8s-inventory'"
    ).fetchone()
    return row[0] if row else 0


def kill(arguments: list[str], conn: psycopg.Connection, chance: random.Random, number: int) -> None:
    """Start a sync, and end it by a signal at a random moment after it has a session."""
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: sessions(conn) > 0 or process.poll() is not None, "the session of a sync")
        try:
            process.wait(timeout=chance.uniform(0, LONGEST))
        except subprocess.TimeoutExpired:
            process.send_signal(SIGNALS[number % len(SIGNALS)])
    wait_until(lambda: sessions(conn) == 0, "the end of the session of a killed sync")


def compare(inventory: LiveInventory) -> None:
    listed = {each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in inventory.objects("pods")}
    assert {uid: row["resource_version"] for uid, row in inventory.by_uid("pods").items()} == listed


@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
def test_a_killed_sync_leaves_nothing_behind(
    cluster: RealCluster, migrated_database: str, mode: str, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    arguments = command(cluster, migrated_database, mode)
    with (
        LiveInventory(cluster, migrated_database, mode) as inventory,
        psycopg.connect(migrated_database, autocommit=True) as conn,
    ):
        with changing(cluster):
            kill(arguments, conn, chance, 0)  # a first sync: all or nothing
            subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        past, remembered = Past(inventory, "public"), []
        with looking(migrated_database) as found:
            for number in range(request.config.getoption("--kills")):
                with changing(cluster):
                    kill(arguments, conn, chance, number)
                subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
                compare(inventory)
                remembered.append((past.now("k8s_pods", "dev", "pods"), past.time()))
        for rows, time in remembered:
            assert past.at(time, "k8s_pods", "dev", "pods") == rows
            assert past.asked(time, "k8s_pods", "dev", "pods") == rows
    assert set(found) == {STABLE}
