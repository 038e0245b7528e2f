"""The simulator as a process of its own, serving the demo's clusters; and what those hold."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from click.testing import CliRunner
from k8s_inventory_demo.clusters import clusters
from k8s_inventory_demo.simulator import Cluster, Simulator, User
from k8s_inventory_demo.simulator.__main__ import main

from tests.kit.waiting import wait_until

DEMO = "k8s_inventory_demo.clusters:clusters"


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A simulator that is ready; killed at the end if it still runs."""
    command = [sys.executable, "-m", "k8s_inventory_demo.simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline().startswith("READY ")
            yield running
        finally:
            running.kill()


def contexts(path: Path) -> dict[str, Any]:
    """The clusters of a kubeconfig, by name."""
    return {cluster["name"]: cluster["cluster"] for cluster in yaml.safe_load(path.read_text())["clusters"]}


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(tmp_path: Path, ending: signal.Signals) -> None:
    kubeconfig = tmp_path / "config"
    with process(DEMO, f"--kubeconfig={kubeconfig}", f"--folder={tmp_path / 'kept'}") as running:
        found = contexts(kubeconfig)
        assert list(found) == ["dev", "prod"]
        for cluster in found.values():
            with urllib3.PoolManager(ca_certs=cluster["certificate-authority"], timeout=10) as pool:
                assert pool.request("GET", f"{cluster['server']}/version").status == 401
        running.send_signal(ending)
        assert running.wait(timeout=10) == 0


def test_a_cluster_that_is_down_refuses_connections_until_it_is_not(tmp_path: Path) -> None:
    kubeconfig, down = tmp_path / "config", tmp_path / "down"
    down.write_text("prod\n")
    with process(DEMO, f"--kubeconfig={kubeconfig}", f"--down={down}") as running:
        ports = {name: int(found["server"].rpartition(":")[2]) for name, found in contexts(kubeconfig).items()}

        def refused() -> set[str]:
            return {name for name, port in ports.items() if not answers(port)}

        assert refused() == {"prod"}
        down.write_text("dev")
        running.send_signal(signal.SIGHUP)
        wait_until(lambda: refused() == {"dev"}, "dev to go and prod to come back")
        down.unlink()
        running.send_signal(signal.SIGHUP)
        wait_until(lambda: refused() == set(), "both to answer")


def test_a_cluster_may_have_a_kubeconfig_of_its_own(tmp_path: Path) -> None:
    kubeconfig, apart = tmp_path / "config", tmp_path / "apart"
    with process(f"{DEMO.partition(':')[0]}:with_lab", f"--kubeconfig={kubeconfig}", "--apart", "lab", str(apart)):
        assert list(contexts(kubeconfig)) == ["dev", "prod"]
        assert list(contexts(apart)) == ["lab"]


def test_with_a_folder_and_ports_it_is_the_same_as_ever(tmp_path: Path) -> None:
    folder, kubeconfig = tmp_path / "kept", tmp_path / "config"
    with Simulator(clusters(), folder=folder) as simulator:
        first = simulator.kubeconfig(kubeconfig).read_text()
    kubeconfig.unlink()
    ports = [f"--port={name}={simulator.url(name).rpartition(':')[2]}" for name in ("dev", "prod")]
    with process(DEMO, f"--folder={folder}", f"--kubeconfig={kubeconfig}", *ports):
        assert kubeconfig.read_text() == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such_module:clusters", "--kubeconfig=x"], "names no function"),
        (["json", "--kubeconfig=x"], "is not a function"),
        ([DEMO, "--kubeconfig=x", "--port=dev"], "'dev' is not of the form dev=6443"),
        ([DEMO], "Missing option '--kubeconfig'"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_port_that_is_taken_is_explained(tmp_path: Path) -> None:
    with Simulator([Cluster("other")]) as other:
        port = other.url("other").rpartition(":")[2]
        result = CliRunner().invoke(main, [DEMO, f"--kubeconfig={tmp_path / 'config'}", f"--port=prod={port}"])
    assert result.exit_code == 1
    assert "cannot serve the clusters" in result.output
    assert "--port takes another port" in result.output


def test_a_kubeconfig_is_for_its_owner_and_names_kept_certificates(tmp_path: Path) -> None:
    users = [User(name="admin", certificate=True), User(name="reader")]
    with Simulator([Cluster("dev", users=users)], folder=tmp_path / "kept") as simulator:
        path = simulator.kubeconfig(tmp_path / "config")
    document = yaml.safe_load(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert [context["name"] for context in document["contexts"]] == ["dev", "dev-reader"]
    assert document["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "kept" / "dev" / "ca.crt")
    key = Path(document["users"][0]["user"]["client-key"])
    assert os.stat(key).st_mode & 0o777 == 0o600


def test_no_key_shows_in_a_pair(tmp_path: Path) -> None:
    with Simulator([Cluster("dev")]) as simulator:
        assert "PRIVATE" not in repr(simulator.client_certificate("dev", "admin"))


COUNTS = {
    "dev": {"namespaces": 4, "pods": 11, "deployments": 3, "services": 3, "crd": 0, "nodes": 1, "replicasets": 3},
    "prod": {"namespaces": 4, "pods": 11, "deployments": 2, "services": 3, "crd": 0, "nodes": 2, "replicasets": 2},
}


def test_the_demo_holds_43_things_to_sync() -> None:
    made = clusters()
    counts = {cluster.name: {name: len(cluster.objects(name)) for name in COUNTS["dev"]} for cluster in made}
    assert counts == COUNTS
    synced = ("namespaces", "pods", "deployments", "services", "crd")
    assert len(made) + sum(of[name] for of in counts.values() for name in synced) == 43


def test_the_demo_is_the_same_on_every_start() -> None:
    def everything() -> list[Any]:
        return [
            [cluster.objects(name) for name in ("pods", "ns", "deploy", "svc", "no", "rs")] for cluster in clusters()
        ]

    assert everything() == everything()


def test_every_owner_in_the_demo_exists() -> None:
    for cluster in clusters():
        uids = {
            item["metadata"]["uid"]
            for name in ("deployments", "replicasets", "daemonsets", "nodes")
            for item in cluster.objects(name)
        }
        owned = [*cluster.objects("pods"), *cluster.objects("replicasets")]
        owners = {owner["uid"] for item in owned for owner in item["metadata"].get("ownerReferences", ())}
        assert owners
        assert owners <= uids


def test_one_pod_of_the_demo_crashes_and_its_deployment_is_short() -> None:
    dev, prod = clusters()
    states = [status["state"] for pod in dev.objects("pods") for status in pod["status"]["containerStatuses"]]
    assert [state["waiting"]["reason"] for state in states if "waiting" in state] == ["CrashLoopBackOff"]
    status = dev.get("deployments", "shop-worker", "default")["status"]
    assert (status["replicas"], status["readyReplicas"]) == (2, 1)
    assert all("running" in s["state"] for pod in prod.objects("pods") for s in pod["status"]["containerStatuses"])
