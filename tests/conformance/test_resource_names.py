"""Names as people write them for kubectl, against what a server's own discovery makes of them."""

from __future__ import annotations

import psycopg
import pytest

from airflow_provider_k8s_inventory.exceptions import UnknownResourceError
from tests.kit.custom_resources import WIDGET_RESOURCE
from tests.kit.live_inventory import LiveInventory


@pytest.mark.parametrize(
    ("written", "resource"),
    [
        ("ing", "ingresses.networking.k8s.io"),
        ("ingresses", "ingresses.networking.k8s.io"),
        ("deploy", "deployments"),
        ("deployments.v1.apps", "deployments"),
        ("cm", "configmaps"),
        ("ev.events.k8s.io", "events.events.k8s.io"),
        ("widget", WIDGET_RESOURCE.name),
        ("Widget.example.com", WIDGET_RESOURCE.name),
    ],
)
def test_a_name_is_synced_as_its_resource(
    written: str, resource: str, inventory: LiveInventory, populated_namespace: str
) -> None:
    report = inventory.sync(written)

    assert (report.resource, report.status) == (resource, "success")


def test_a_glob_is_what_its_group_serves(inventory: LiveInventory) -> None:
    reports = inventory.sync.all("*.networking.k8s.io")

    assert {"ingresses.networking.k8s.io", "networkpolicies.networking.k8s.io"} <= set(reports)
    assert {report.status for report in reports.values()} == {"success"}


def test_config_maps_are_kept_with_the_custom_resources(inventory: LiveInventory, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    inventory.cluster.request("POST", path, {"metadata": {"name": "kept"}, "data": {"key": "value"}})
    report = inventory.sync("cm", namespaces=(namespace,))

    assert (report.resource, report.status) == ("configmaps", "success")
    with psycopg.connect(inventory.dsn) as conn:
        kept = conn.execute("SELECT api_group, kind, object->'data' FROM k8s_custom_resources WHERE name = 'kept'")
        assert kept.fetchall() == [("", "ConfigMap", {"key": "value"})]


def test_secrets_are_never_stored(inventory: LiveInventory) -> None:
    with pytest.raises(UnknownResourceError, match="secrets are never stored"):
        inventory.sync("secrets")


def test_a_misspelled_name_fails_with_the_nearest(inventory: LiveInventory) -> None:
    report = inventory.sync("deploymets")

    assert report.status == "failed"
    assert (report.reason or "").endswith("; did you mean deployments?")
