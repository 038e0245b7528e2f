"""Real clients work with a simulated server: kubectl and the official Python client, by token and by certificate."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from k8s_inventory_demo.simulator import Cluster, Simulator, User
from k8s_inventory_demo.simulator.pods import pods

from tests.kit.objects import pod, widget_definition

TWO_VERSIONS = widget_definition(versions=("v1beta1", "v1"), stored="v1")

KUBECTL = shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="the machine has no kubectl")
Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two clusters with 120 generated pods each, and one of our own."""
    clusters = [Cluster("dev"), Cluster("prod", users=[User(name="admin", certificate=True)])]
    for cluster in clusters:
        cluster.seed("pods", [*pods(120), *(json.dumps(pod("web", labels={"app": "web"})).encode(),)])
    with Simulator(clusters) as simulator:
        yield simulator.kubeconfig(tmp_path_factory.mktemp("kubeconfig") / "config")


@pytest.fixture
def kubectl(kubeconfig: Path, tmp_path: Path) -> Kubectl:
    """Run kubectl and give what it prints."""

    def run(*arguments: str, context: str = "dev", fails: bool = False) -> str:
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)}
        command = [str(KUBECTL), f"--context={context}", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
        assert bool(done.returncode) is fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


@needs_kubectl
@pytest.mark.parametrize("context", ["dev", "prod"])
def test_kubectl_lists_page_by_page(kubectl: Kubectl, context: str) -> None:
    listed = kubectl("get", "pods", "-A", "--chunk-size=50", "-o", "name", context=context)
    assert len(listed.splitlines()) == 121


@needs_kubectl
def test_kubectl_prints_names_and_ages(kubectl: Kubectl) -> None:
    assert [line.split()[0] for line in kubectl("get", "po", "-l", "app=web").splitlines()] == ["NAME", "web"]


@needs_kubectl
def test_kubectl_sees_all_resources(kubectl: Kubectl) -> None:
    listed = kubectl("api-resources", "--verbs=list", "-o", "name").split()
    assert {"pods", "deployments.apps", "customresourcedefinitions.apiextensions.k8s.io"} <= set(listed)


@needs_kubectl
def test_kubectl_knows_the_version(kubectl: Kubectl) -> None:
    assert json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"] == "v1.36.3"


@needs_kubectl
def test_kubectl_creates_and_deletes_a_definition_and_its_instance(kubectl: Kubectl, tmp_path: Path) -> None:
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one", "namespace": "default"}}
    for number, document in enumerate((TWO_VERSIONS, widget)):  # in one command, kubectl would not yet know the kind
        (manifest := tmp_path / f"{number}.yaml").write_text(yaml.safe_dump(document))
        kubectl("create", "-f", str(manifest), "--validate=false")
    assert kubectl("get", "wi", "-A", "-o", "name").split() == ["widget.example.com/one"]
    kubectl("label", "widget", "one", "size=big")
    assert kubectl("get", "widgets", "-l", "size in (big)", "-o", "name").split() == ["widget.example.com/one"]
    kubectl("delete", "crd", "widgets.example.com")
    assert "NotFound" in kubectl("get", "wi", fails=True)


@needs_kubectl
def test_kubectl_deletes_and_waits(kubectl: Kubectl, tmp_path: Path) -> None:
    manifest = tmp_path / "map.yaml"
    manifest.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "map"}}))
    kubectl("create", "-f", str(manifest), "--validate=false")
    kubectl("delete", "configmap", "map")
    assert 'configmaps "map" not found' in kubectl("get", "configmap", "map", fails=True)


@needs_kubectl
def test_kubectl_is_told_of_a_resource_that_is_not_served(kubectl: Kubectl) -> None:
    assert "the server doesn't have a resource type" in kubectl("get", "nothings", fails=True)


@pytest.fixture
def official(kubeconfig: Path) -> Iterator[Callable[[str], Any]]:
    """The official client of a context."""
    import kubernetes  # half a second, and only these tests need it

    clients = []

    def client(context: str) -> Any:
        clients.append(kubernetes.config.new_client_from_config(str(kubeconfig), context))
        return kubernetes.client.CoreV1Api(clients[-1])

    yield client
    for opened in clients:
        opened.rest_client.pool_manager.clear()
        opened.close()


@pytest.mark.parametrize("context", ["dev", "prod"])
def test_the_official_client_reads_typed_pods_page_by_page(official: Callable[[str], Any], context: str) -> None:
    api = official(context)
    first = api.list_pod_for_all_namespaces(limit=100)
    second = api.list_pod_for_all_namespaces(limit=100, _continue=first.metadata._continue)
    assert (len(first.items), len(second.items)) == (100, 21)
    assert first.metadata.remaining_item_count == 21
    generated = next(item for item in first.items if item.metadata.namespace == "ns-00")
    assert generated.status.container_statuses[0].state.running.started_at.year == 2026
    assert generated.metadata.owner_references[0].kind == "ReplicaSet"


def test_the_official_client_watches(official: Callable[[str], Any]) -> None:
    import kubernetes

    api = official("dev")
    listed = api.list_namespaced_config_map("kube-public")
    version = listed.metadata.resource_version
    api.create_namespaced_config_map("kube-public", {"metadata": {"name": "seen"}})
    watch = kubernetes.watch.Watch()
    events = watch.stream(api.list_namespaced_config_map, "kube-public", resource_version=version, timeout_seconds=5)
    event = next(events)
    watch.stop()
    events.close()
    assert (event["type"], event["object"].metadata.name) == ("ADDED", "seen")


def test_a_connection_in_its_tls_handshake_ends_with_the_simulator() -> None:
    with Simulator([Cluster("slow")]) as simulator:
        client = socket.create_connection(("127.0.0.1", int(simulator.url("slow").rpartition(":")[2])))
        # Connections are accepted in their order, so the server has the one above when it responds to this one.
        trusted = ssl.create_default_context(cadata=simulator.ca("slow").decode())
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(simulator.url("slow"), context=trusted)
    with client:
        client.settimeout(10)
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
