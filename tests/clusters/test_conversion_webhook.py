"""A custom resource whose conversion webhook is down fails alone, soon, and says why."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from airflow_provider_k8s_inventory import sync
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from tests.clusters.control_plane import ControlPlane
from tests.kit.api import ApiError
from tests.kit.cluster import RealCluster
from tests.kit.custom_resources import DEFINITIONS
from tests.kit.waiting import wait_until

THINGS = "/apis/example.net/v1beta1/namespaces/default/things"
SCHEMA = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
DEFINITION = {
    "metadata": {"name": "things.example.net"},
    "spec": {
        "group": "example.net",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
        "conversion": {
            "strategy": "Webhook",
            "webhook": {
                "conversionReviewVersions": ["v1"],
                "clientConfig": {"url": "https://127.0.0.1:1/convert"},
            },
        },
        "versions": [
            {"name": "v1", "served": True, "storage": False, "schema": SCHEMA},
            {"name": "v1beta1", "served": True, "storage": True, "schema": SCHEMA},
        ],
    },
}


def served(control_plane: ControlPlane) -> bool:
    try:
        control_plane.request("GET", THINGS)
    except ApiError:
        return False
    return True


@pytest.mark.parametrize("mode", ["full", "metadata"])
def test_a_dead_webhook_is_named(
    mode: str, control_plane: ControlPlane, migrated_database: str, tmp_path: Path
) -> None:
    cluster = RealCluster(control_plane, "dev", ())
    if not served(control_plane):
        control_plane.request("POST", DEFINITIONS, DEFINITION)
        wait_until(lambda: served(control_plane), "the definition to be served")
        thing = {"apiVersion": "example.net/v1beta1", "kind": "Thing", "metadata": {"name": "one"}}
        control_plane.request("POST", THINGS, thing)
    context = kubeconfig.load([str(cluster.kubeconfig)]).contexts["dev"]
    with Client(context) as client, psycopg.connect(migrated_database) as conn:
        report = sync.run(client, conn, "things.example.net", sync.Settings(mode=mode))  # type: ignore[arg-type]
        other = sync.run(client, conn, "namespaces", sync.Settings())
    assert report.status == "failed"
    assert "the conversion webhook of the CustomResourceDefinition things.example.net does not" in (report.reason or "")
    assert "conversion webhook for example.net/v1beta1, Kind=Thing failed: " in (report.reason or "")
    assert "(2 tries in" in (report.reason or "")
    assert other.status == "success"
