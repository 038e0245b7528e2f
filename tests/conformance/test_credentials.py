"""What a kubeconfig says of trust and of the user, and what becomes of a sync when it is wrong."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml
from k8s_inventory_demo.simulator.certificates import Authority

from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.model import SyncReport
from tests.kit.cluster import LiveCluster
from tests.kit.live_inventory import LiveInventory

Document = dict[str, Any]


@pytest.fixture
def document(cluster: LiveCluster) -> Document:
    """The cluster's kubeconfig, to change."""
    return dict(yaml.safe_load(cluster.kubeconfig.read_text()))


def sync_by(document: Document, inventory: LiveInventory, resource: str) -> SyncReport:
    """Sync through what a kubeconfig makes of the administrator's context."""
    context = kubeconfig.parse(document, source="the test").contexts[inventory.cluster.context]
    with Client(context, retries=0) as client:
        return inventory.sync(resource, client=client)


def test_a_wrong_token_is_unauthorized(document: Document, inventory: LiveInventory, populated_namespace: str) -> None:
    inventory.sync("services")
    before = inventory.versions()
    for user in document["users"]:
        user["user"] = {"token": "made-up"}

    report = sync_by(document, inventory, "services")

    assert report.status == "unauthorized"
    assert "made-up" not in str(report.reason)
    assert inventory.versions() == before


def test_a_wrong_authority_is_unreachable(document: Document, inventory: LiveInventory) -> None:
    other = base64.b64encode(Authority("other").pair.certificate).decode()
    for entry in document["clusters"]:
        entry["cluster"] = {"server": entry["cluster"]["server"], "certificate-authority-data": other}

    report = sync_by(document, inventory, "services")

    assert report.status == "unreachable"
    assert "certificate" in str(report.reason)


def test_trust_that_is_turned_off_is_recorded(document: Document, inventory: LiveInventory) -> None:
    for entry in document["clusters"]:
        entry["cluster"] = {"server": entry["cluster"]["server"], "insecure-skip-tls-verify": True}

    assert sync_by(document, inventory, "clusters").status == "success"

    (row,) = inventory.by_uid("clusters").values()
    assert row["insecure_skip_verify"]
