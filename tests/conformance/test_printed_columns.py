"""The columns that hold what kubectl prints, against kubectl and against the API servers that print for it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping

import pytest

from tests.kit import go_programs
from tests.kit.inventory import Row
from tests.kit.live_inventory import PATHS, LiveInventory
from tests.kit.pod_cases import POD_CASES, PodCase

KUBECTL = go_programs.kubectl()
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def printed_pod(row: Row) -> dict[str, object]:
    return {
        "Ready": f"{row['ready_containers']}/{row['containers']}",
        "Status": row["status"],
        "Restarts": str(row["restarts"]),
        "IP": shown(row["pod_ip"]),
        "Node": shown(row["node_name"]),
    }


def printed_deployment(row: Row) -> dict[str, object]:
    return {
        "Ready": f"{row['ready']}/{row['replicas']}",
        "Up-to-date": row["up_to_date"],
        "Available": row["available"],
        "Images": ",".join(row["images"]),
    }


def printed_service(row: Row) -> dict[str, object]:
    # kubectl tells the two apart that have no address: None is headless, <none> an ExternalName.
    address = shown(row["cluster_ip"]) if row["cluster_ip"] or row["external_name"] else "None"
    return {"Type": row["type"], "Cluster-IP": address}


def printed_namespace(row: Row) -> dict[str, object]:
    return {"Status": row["status"]}


def printed_node(row: Row) -> dict[str, object]:
    return {
        "Status": row["status"],
        "Roles": ",".join(row["roles"]),
        "Version": row["kubelet_version"],
        "Internal-IP": shown(row["internal_ip"]),
        "External-IP": shown(row["external_ip"]),
        "OS-Image": row["os_image"],
        "Kernel-Version": f"{row['kernel_version']} ({row['architecture']})",
        "Container-Runtime": row["container_runtime"],
    }


PRINTERS: Mapping[str, Callable[[Row], dict[str, object]]] = {
    "pods": printed_pod,
    "deployments": printed_deployment,
    "services": printed_service,
    "namespaces": printed_namespace,
    "nodes": printed_node,
}
"""What kubectl would print of a row, by the columns of its tables."""


def shown(value: object) -> str:
    return "<none>" if value is None else str(value)


@pytest.mark.parametrize("case", POD_CASES, ids=lambda case: case.name)
def test_a_pod_in_each_state(case: PodCase, populated_namespace: str, inventory: LiveInventory) -> None:
    inventory.sync("pods")

    (row,) = (
        row
        for row in inventory.by_uid("pods").values()
        if (row["namespace"], row["name"]) == (populated_namespace, case.name)
    )
    assert (printed_pod(row)["Ready"], row["status"], row["restarts"]) == (case.ready, case.printed, case.restarts)


@pytest.mark.usefixtures("populated_namespace")
@pytest.mark.parametrize("resource", PRINTERS)
def test_the_tables_of_the_api_server(resource: str, inventory: LiveInventory) -> None:
    if not inventory.cluster.prints_tables:
        pytest.skip("the simulator prints no tables")

    def printed() -> dict[str, dict[str, object]]:
        inventory.sync(resource)
        table = inventory.cluster.request("GET", PATHS[resource], accept=TABLE)
        columns = [column["name"] for column in table["columnDefinitions"]]
        return {
            row["object"]["metadata"]["uid"]: dict(zip(columns, row["cells"], strict=True)) for row in table["rows"]
        }

    tables = inventory.at_rest(printed, resource)

    for uid, row in inventory.by_uid(resource).items():
        ours = PRINTERS[resource](row)
        assert ours == {column: tables[uid][column] for column in ours}


@pytest.mark.skipif(not KUBECTL, reason="kubectl is not installed")
@pytest.mark.usefixtures("populated_namespace")
@pytest.mark.parametrize("resource", PATHS)
def test_the_rows_are_what_kubectl_gets(resource: str, inventory: LiveInventory) -> None:
    def got() -> set[str]:
        inventory.sync(resource)
        return kubectl(inventory, "get", resource, "--all-namespaces", "--output=jsonpath={.items[*].metadata.uid}")

    wanted = inventory.at_rest(got, resource)

    assert set(inventory.by_uid(resource)) == wanted


def kubectl(inventory: LiveInventory, *arguments: str) -> set[str]:
    """The words kubectl prints."""
    where = (f"--kubeconfig={inventory.cluster.kubeconfig}", f"--context={inventory.cluster.context}")
    answer = subprocess.run([str(KUBECTL), *where, *arguments], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())
