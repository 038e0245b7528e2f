"""However a watch ends, no change is lost: rows, and history at any time, are as a full sync would have written them.

Each round ends the process, or its cluster, at a random moment while objects change. What the watch makes of it, or the
next one, is compared with what the API server lists.
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

import psycopg
import pytest
import urllib3

from tests.kit.api import ApiError
from tests.kit.cluster import LiveCluster
from tests.kit.live_inventory import LiveInventory
from tests.kit.past import Past
from tests.kit.waiting import wait_until

pytestmark = [pytest.mark.alters_database, pytest.mark.timeout(3600)]

CHURNED = 20
LONGEST = 2.0
"""Seconds after its sessions began in which a watch is ended; it has the scope after about one."""
TABLE = ("k8s_configmaps", "dev", "configmaps")


@pytest.fixture(scope="module")
def cluster(cluster_without_snapshots: LiveCluster) -> LiveCluster:
    """A cluster of its own, as it is stopped and started."""
    return cluster_without_snapshots


@contextmanager
def changing(cluster: LiveCluster, path: str) -> Iterator[None]:
    """Create, change and delete config maps without end, as far as there is a server to do it."""
    ended = threading.Event()

    def change() -> None:
        for number in itertools.count():
            if ended.is_set():
                return
            name = f"churned-{number % CHURNED:02}"
            document = {"metadata": {"name": name}, "data": {"turn": str(number), f"only-{number % 7}": "x"}}
            for method, to, body in (
                ("DELETE", f"{path}/{name}", None) if number % 3 == 0 else ("POST", path, document),
                ("PATCH", f"{path}/{name}", {"data": {"turn": str(number), "gone": None}}),
            ):
                try:
                    cluster.request(method, to, body)
                except (ApiError, urllib3.exceptions.HTTPError):
                    ended.wait(0.01)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def watching(cluster: LiveCluster, dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "airflow_provider_k8s_inventory", "watch", "--kubeconfig", str(cluster.kubeconfig)]
    command += ["--context", "dev", "--dsn", dsn, "--resource", "configmaps"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def end(process: subprocess.Popen[bytes], cluster: LiveCluster, turn: int) -> None:
    """End a process, or let it lose its cluster, and the server forget what it could go on from."""
    if turn % 4 < 2:
        process.send_signal((signal.SIGKILL, signal.SIGTERM)[turn % 2])
        process.wait()
        return
    cluster.stop()
    cluster.start()
    if turn % 4 == 3:
        cluster.compact()


def test_no_change_is_lost_however_it_ends(
    cluster: LiveCluster, namespace: str, migrated_database: str, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    with (
        LiveInventory(cluster, migrated_database) as inventory,
        psycopg.connect(migrated_database, autocommit=True) as conn,
    ):
        past, remembered = Past(inventory, "public"), []

        def settle() -> None:
            wait_until(lambda: is_as_listed(inventory), "the rows to be what the API server lists", seconds=60)
            remembered.append((past.now(*TABLE), past.time()))

        for turn in range(request.config.getoption("--watch-ends")):
            with watching(cluster, migrated_database) as process:
                with changing(cluster, path):
                    wait_until(lambda: has_session(conn), "the session of a watch")
                    try:
                        process.wait(chance.uniform(0, LONGEST))
                    except subprocess.TimeoutExpired:
                        end(process, cluster, turn)
                if process.poll() is None:
                    settle()
            if len(remembered) <= turn:
                with watching(cluster, migrated_database):
                    settle()
            wait_until(lambda: not has_session(conn), "the end of the sessions of a killed watch")

        assert remembered
        for rows, time in remembered:
            assert past.at(time, *TABLE) == rows
            assert past.asked(time, *TABLE) == rows
        checked = inventory.sync("configmaps", mode="full")
        assert (checked.status, checked.inserted, checked.updated, checked.deleted) == ("success", 0, 0, 0)


def has_session(conn: psycopg.Connection) -> bool:
    row = conn.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'k8s-inventory'"
    ).fetchone()
    return bool(row and row[0])


def is_as_listed(inventory: LiveInventory) -> bool:
    listed = {each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in inventory.objects("configmaps")}
    return {uid: row["resource_version"] for uid, row in inventory.by_uid("configmaps").items()} == listed
