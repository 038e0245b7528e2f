"""The names that kubectl takes mean the same resources to us, on a real API server with its own discovery."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.kube import discovery, names
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from tests.clusters import programs
from tests.clusters.control_plane import ADMIN, ControlPlane
from tests.kit.waiting import wait_until

WRITTEN = (
    *("po", "pod", "pods", "Pod", "pods.v1.", "deploy", "deployments.v1.apps", "deploy.v1.apps", "Deployment.apps"),
    *("ing", "ingress", "ingresses", "ingresses.networking", "ing.networking.k8s.io", "cm", "ConfigMap", "configmaps."),
    *("ev", "events", "events.events.k8s.io", "ev.v1.events.k8s.io", "sc", "storageclass.storage", "hpa", "cs"),
    *("horizontalpodautoscalers.v1.autoscaling", "crd", "crds", "quota", "limits", "netpol", "pdb", "csr", "sa"),
    *("gizmos", "gizmo", "gz", "gz.example.com", "gizmos.v1.example.com", "gizmos.v1beta1.example.com", "Gizmo"),
    *("podz", "ingresses.apps", "deployments.v7.apps", "deployments.v1.batch", "gizmos.example.org", "pods.v2."),
    *("zz", "gizmo.v2.example.com"),
)

GIZMOS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gizmos.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "gizmos", "singular": "gizmo", "kind": "Gizmo", "shortNames": ["gz"]},
        "versions": [
            {
                "name": version,
                "served": True,
                "storage": version == "v1",
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
            for version in ("v1", "v1beta1")
        ],
    },
}


@pytest.fixture(scope="module")
def config(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig for a server that knows gizmos."""
    api = control_plane.api()
    api.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", GIZMOS)
    path = tmp_path_factory.mktemp("kubectl") / "kubeconfig"
    path.write_text(json.dumps(control_plane.kubeconfig({"dev": ADMIN})))
    with Client(kubeconfig.load([path]).contexts["dev"]) as client:
        # Both versions come at once, but not at once with the definition.
        wait_until(lambda: discovery.discover(client).find("gizmos.example.com") is not None, "gizmos are served")
    return path


@pytest.fixture(scope="module")
def found(config: Path) -> Iterator[discovery.Discovery]:
    with Client(kubeconfig.load([config]).contexts["dev"]) as client:
        yield discovery.discover(client)


def asked_by_kubectl(name: str, config: Path, cache: Path) -> str | None:
    """The path that kubectl lists; None when it finds no such resource."""
    kubectl = programs.find() / "kubectl"
    arguments = ["--kubeconfig", str(config), "--context", "dev", "--cache-dir", str(cache), "-v=6"]
    done = subprocess.run([str(kubectl), *arguments, "get", name, "--all-namespaces"], capture_output=True, text=True)
    if "the server doesn't have a resource type" in done.stderr:
        return None
    paths = re.findall(r'https://[^/ "]+(/apis?/[^? "]+)\?limit=', done.stderr)
    assert paths, done.stderr
    return str(paths[-1])


@pytest.mark.parametrize("name", WRITTEN)
def test_a_name_means_what_kubectl_takes_it_for(
    name: str, config: Path, found: discovery.Discovery, tmp_path_factory: pytest.TempPathFactory
) -> None:
    resource = names.find(found.resources, name)

    cache = tmp_path_factory.getbasetemp() / "kubectl-cache"
    assert (resource and resource.path()) == asked_by_kubectl(name, config, cache)


def test_the_names_we_know_without_a_cluster_are_the_servers(found: discovery.Discovery) -> None:
    known = {written: resources.CATALOGUE[name] for written, name in resources.NAMES.items()}
    listed = {written: definition.resource.name for written, definition in known.items() if definition.listed}
    served = {written: names.find(found.resources, written) for written in listed}

    # The events of either group are one table's.
    found_as = {written: resources.canonical(one.name) for written, one in served.items() if one}
    assert found_as == {written: resources.canonical(name) for written, name in listed.items()}
