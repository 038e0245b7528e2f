from __future__ import annotations

import os
from pathlib import Path

import pytest
from urllib3.exceptions import HTTPError

from tests.clusters import programs
from tests.clusters.control_plane import ControlPlane
from tests.clusters.processes import NotReadyError
from tests.kit import go_programs
from tests.kit.api import ApiError
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.clusters

NAMESPACES = "/api/v1/namespaces"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


@pytest.mark.skipif("KUBEBUILDER_ASSETS" in os.environ, reason="KUBEBUILDER_ASSETS brings a version of its own")
def test_it_is_the_version_that_is_pinned(control_plane: ControlPlane) -> None:
    version = control_plane.request("GET", "/version")["gitVersion"]

    assert version == go_programs.version()


def test_a_new_one_has_the_namespaces_every_cluster_has(control_plane: ControlPlane) -> None:
    names = {namespace["metadata"]["name"] for namespace in control_plane.request("GET", NAMESPACES)["items"]}

    assert {"default", "kube-node-lease", "kube-public", "kube-system"} <= names


def test_a_deployment_gets_its_pods_from_the_controllers(control_plane: ControlPlane) -> None:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    control_plane.request("POST", DEPLOYMENTS, {"metadata": {"name": "web"}, "spec": spec})

    def pods() -> int:
        return len(control_plane.request("GET", "/api/v1/namespaces/default/pods?labelSelector=app=web")["items"])

    wait_until(lambda: pods() == 2, "two pods of the deployment")


def test_a_user_may_do_what_the_rules_say_and_nothing_else(control_plane: ControlPlane) -> None:
    control_plane.restrict("reader", [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}])

    assert control_plane.request("GET", NAMESPACES, user="reader")["kind"] == "NamespaceList"
    with pytest.raises(ApiError, match='User "reader" cannot list resource "pods"'):
        control_plane.request("GET", "/api/v1/pods", user="reader")


def test_compaction_expires_the_continue_tokens(control_plane: ControlPlane) -> None:
    token = control_plane.request("GET", f"{NAMESPACES}?limit=1")["metadata"]["continue"]
    control_plane.compact()

    with pytest.raises(ApiError, match="410"):
        control_plane.request("GET", f"{NAMESPACES}?limit=1&continue={token}")


def test_a_stopped_api_server_comes_back_with_its_data(control_plane: ControlPlane) -> None:
    control_plane.request("POST", NAMESPACES, {"metadata": {"name": "kept"}})
    certificate = control_plane.ca_file.read_bytes()

    control_plane.stop()
    with pytest.raises(HTTPError):
        control_plane.request("GET", NAMESPACES)
    control_plane.start()

    assert control_plane.request("GET", f"{NAMESPACES}/kept")["metadata"]["name"] == "kept"
    assert control_plane.ca_file.read_bytes() == certificate


def test_a_boot_that_fails_shows_the_end_of_the_log(tmp_path: Path) -> None:
    with (
        pytest.raises(NotReadyError, match=r"kube-apiserver ended with status 1\n(.|\n)*unknown flag: --no-such-flag"),
        ControlPlane(tmp_path, programs.find(), arguments=["--no-such-flag"]),
    ):
        pass
