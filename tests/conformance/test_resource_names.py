"""Names as people write them for kubectl, against what a server's own discovery makes of them."""

from __future__ import annotations

import pytest

from tests.kit.custom_resources import WIDGET_RESOURCE
from tests.kit.live_inventory import LiveInventory


@pytest.mark.parametrize(
    ("written", "resource"),
    [
        ("ing", "ingresses"),
        ("ingresses", "ingresses"),
        ("deploy", "deployments"),
        ("deployments.v1.apps", "deployments"),
        ("cm", "configmaps"),
        ("ev.events.k8s.io", "events"),
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

    assert {"ingresses", "networkpolicies"} <= set(reports)
    assert {report.status for report in reports.values()} == {"success"}


@pytest.mark.parametrize(
    ("name", "resource", "body"),
    [
        ("cm", "configmaps", {"data": {"key": "a value"}}),
        ("secret", "secrets", {"data": {"key": "YSB2YWx1ZQ=="}}),
    ],
)
def test_values_are_measured_and_not_kept(
    name: str, resource: str, body: dict[str, object], inventory: LiveInventory, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/{resource}"
    inventory.cluster.request("POST", path, {"metadata": {"name": "measured"}, **body})
    report = inventory.sync(name, namespaces=(namespace,))
    row = inventory.row(f"k8s_{resource}", "measured")

    assert (report.resource, report.status) == (resource, "success")
    assert (row["keys"], row["sizes"]) == (["key"], {"key": 7})
    assert "a value" not in str(row)
    assert "YSB2YWx1ZQ" not in str(row)
    assert not {"data", "stringData"} & set(row["object"])


def test_a_misspelled_name_fails_with_the_nearest(inventory: LiveInventory) -> None:
    report = inventory.sync("deploymets")

    assert report.status == "failed"
    assert (report.reason or "").endswith("; did you mean deployments?")
