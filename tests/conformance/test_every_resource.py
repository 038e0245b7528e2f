"""Every built-in resource of a cluster, with objects of each: it has a table, and its rows are what the API lists."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_k8s_inventory import resources
from tests.kit.agreement import EVERY_MODE
from tests.kit.cluster import LiveCluster
from tests.kit.custom_resources import DEFINITIONS, DISCOVERY
from tests.kit.every_resource import manifests
from tests.kit.live_inventory import PATHS, UNCACHED, WITHOUT_UID, LiveInventory

LISTED = {name: definition for name, definition in resources.CATALOGUE.items() if definition.listed}
WITHOUT_TABLE = {"events.events.k8s.io"}
"""The listed resources without a table: the objects of `events` under another name."""


def identities(inventory: LiveInventory, resource: str) -> set[str]:
    """The uids of the objects that the API lists, or the names of those that have none."""
    metadata = [item["metadata"] for item in inventory.objects(resource)]
    return {each.get("uid") or each["name"] for each in metadata}


def kept(inventory: LiveInventory, resource: str) -> set[str]:
    """The same of the rows; without a uid in the API, that of a row is made of its name."""
    rows = inventory.by_uid(resource)
    return {row["name"] for row in rows.values()} if resource in WITHOUT_UID else set(rows)


@EVERY_MODE
@pytest.mark.usefixtures("every_resource")
def test_the_rows_are_the_objects_of_the_api(mode: str, inventory: LiveInventory) -> None:
    before = {resource: identities(inventory, resource) for resource in PATHS}
    first, second = (inventory.sync.all("*", "secrets") for _ in range(2))
    after = {resource: identities(inventory, resource) for resource in PATHS}

    rows = {resource: kept(inventory, resource) for resource in PATHS}
    assert set(resources.CATALOGUE) <= set(first) == set(second)
    assert {report.status for report in (*first.values(), *second.values())} == {"success"}
    # Everything could be read.
    assert {name for name, report in (*first.items(), *second.items()) if report.warnings} == set()
    # Controllers are at work: what was there before and after must have a row, and what never was must not.
    assert {name for name in PATHS if before[name] & after[name] - rows[name]} == set()
    assert {name for name in PATHS if rows[name] - before[name] - after[name]} == set()
    # What cannot be watched has no resourceVersion to compare.
    assert {second[name].mode for name in set(PATHS) - WITHOUT_UID - UNCACHED} == {mode}
    assert {second[name].mode for name in UNCACHED} <= {mode, "metadata"}


@pytest.mark.usefixtures("every_resource")
def test_each_has_objects(inventory: LiveInventory) -> None:
    found = {resource for resource in LISTED if inventory.objects(resource)}

    assert set(LISTED) - found <= (set() if inventory.cluster.has_controllers else WITHOUT_UID)


@pytest.mark.usefixtures("every_resource")
@pytest.mark.parametrize("mode", ["full"], indirect=True)
def test_every_object_that_was_created_has_a_row(inventory: LiveInventory, every_resource: str) -> None:
    inventory.sync.all("*", "secrets")

    for resource, bodies in manifests(every_resource).items():
        names = {
            row["name"] for row in inventory.by_uid(resource).values() if row.get("namespace") in (None, every_resource)
        }
        assert {body["metadata"]["name"] for body in bodies} <= names, resource


def test_every_resource_of_the_discovery_has_a_table(cluster: LiveCluster) -> None:
    taught = {item["metadata"]["name"] for item in cluster.request("GET", DEFINITIONS)["items"]}
    served = {name: found for name, found in discovered(cluster).items() if name not in taught}

    assert set(served) == set(resources.FULL_NAMES) - {"clusters"} | WITHOUT_TABLE


def test_every_declaration_is_as_the_discovery_says(cluster: LiveCluster) -> None:
    served = discovered(cluster)

    for definition in LISTED.values():
        resource = definition.resource
        assert served[resource.name][resource.version] == {
            "kind": resource.kind,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "singular": resource.singular,
            "watchable": resource.watchable,
        }


def discovered(cluster: LiveCluster) -> dict[str, dict[str, dict[str, Any]]]:
    """The resources that can be listed, by name and version."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for root in ("/api", "/apis"):
        for item in cluster.request("GET", root, accept=DISCOVERY)["items"]:
            group = item["metadata"].get("name", "")
            for version in item["versions"]:
                for resource in version["resources"]:
                    if "list" in resource["verbs"]:
                        name = ".".join(filter(None, (resource["resource"], group)))
                        found.setdefault(name, {})[version["version"]] = {
                            "kind": resource["responseKind"]["kind"],
                            "scope": "Namespaced" if resource["scope"] == "Namespaced" else "Cluster",
                            "singular": resource["singularResource"],
                            "watchable": "watch" in resource["verbs"],
                        }
    return found
