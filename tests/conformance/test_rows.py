"""Every column of every table, against what the API says at the same moment."""

from __future__ import annotations

import pytest

from tests.kit import expected_rows
from tests.kit.inventory import Row
from tests.kit.live_inventory import LiveInventory

OF_THE_SYNC = {"context_name", "cluster_uid", "first_seen_at", "changed_at", "deleted_at"}
PRINTED = {"status", "ready_containers", "containers", "restarts"}
"""The columns of a pod that kubectl computes; they are in test_printed_columns.py."""


@pytest.mark.usefixtures("populated_namespace")
@pytest.mark.parametrize("resource", expected_rows.OWN)
def test_every_column_is_what_the_api_says(resource: str, inventory: LiveInventory) -> None:
    def sync() -> dict[str, Row]:
        assert inventory.sync(resource).status == "success"
        return {item["metadata"]["uid"]: expected_rows.row(resource, item) for item in inventory.objects(resource)}

    wanted = inventory.at_rest(sync, resource)

    ignored = OF_THE_SYNC | expected_rows.OF_CASES | (PRINTED if resource == "pods" else set())
    assert {uid: without(row, ignored) for uid, row in inventory.by_uid(resource).items()} == wanted


@pytest.mark.usefixtures("populated_namespace")
def test_the_report_counts_the_objects_of_the_api(inventory: LiveInventory) -> None:
    report = inventory.at_rest(lambda: inventory.sync("services"), "services")

    assert report.seen == report.inserted == len(inventory.objects("services"))


@pytest.mark.usefixtures("populated_namespace")
def test_small_pages_give_the_same_rows(inventory: LiveInventory) -> None:
    reports = inventory.at_rest(lambda: [inventory.sync("pods", page_size=size) for size in (500, 3)], "pods")

    assert reports[1].pages > reports[0].pages
    assert (reports[1].seen, reports[1].unchanged) == (reports[0].seen, reports[0].seen)


def test_the_cluster_is_one_row(inventory: LiveInventory) -> None:
    system = inventory.cluster.request("GET", "/api/v1/namespaces/kube-system")
    nodes = inventory.objects("nodes")

    assert inventory.sync("clusters").status == "success"

    (row,) = inventory.by_uid("clusters").values()
    assert row["uid"] == row["cluster_uid"] == system["metadata"]["uid"]
    assert row["created_at"] == expected_rows.time(system["metadata"]["creationTimestamp"])
    assert row["kubernetes_version"] == inventory.cluster.request("GET", "/version")["gitVersion"]
    assert row["node_count"] == len(nodes)


def without(row: Row, columns: set[str]) -> Row:
    return {name: value for name, value in row.items() if name not in columns}
