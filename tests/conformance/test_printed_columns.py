"""The columns that hold what kubectl prints, against kubectl and against the API servers that print for it."""

from __future__ import annotations

import subprocess

import pytest

from airflow_provider_k8s_inventory import resources
from tests.kit import go_programs
from tests.kit.live_inventory import PATHS, LiveInventory
from tests.kit.pod_cases import POD_CASES, PodCase
from tests.kit.printed import PRINTERS, printed

KUBECTL = go_programs.kubectl()
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize("case", POD_CASES, ids=lambda case: case.name)
def test_a_pod_in_each_state(case: PodCase, populated_namespace: str, inventory: LiveInventory) -> None:
    inventory.sync("pods")

    (row,) = (
        row
        for row in inventory.by_uid("pods").values()
        if (row["namespace"], row["name"]) == (populated_namespace, case.name)
    )
    assert (printed("pods", row)["Ready"], row["status"], row["restarts"]) == (case.ready, case.printed, case.restarts)


def test_every_resource_has_a_printer() -> None:
    assert set(PRINTERS) == {name for name, definition in resources.CATALOGUE.items() if definition.listed}


@pytest.mark.usefixtures("every_resource")
@pytest.mark.parametrize("resource", PRINTERS)
def test_the_tables_of_the_api_server(resource: str, inventory: LiveInventory) -> None:
    if not inventory.cluster.prints_tables:
        pytest.skip("the simulator prints no tables")

    def by_server() -> dict[tuple[str | None, str], dict[str, object]]:
        inventory.sync(resource)
        table = inventory.cluster.request("GET", PATHS[resource], accept=TABLE)
        columns = [column["name"] for column in table["columnDefinitions"]]
        about = [row["object"]["metadata"] for row in table["rows"]]
        return {
            # IP addresses have a cell more than columns.
            (metadata.get("namespace"), metadata["name"]): dict(zip(columns, row["cells"], strict=False))
            for metadata, row in zip(about, table["rows"], strict=True)
        }

    tables = inventory.at_rest(by_server, resource)

    rows = {(row.get("namespace"), row["name"]): row for row in inventory.by_uid(resource).values()}
    ours = {key: printed(resource, row) for key, row in rows.items()}
    assert rows
    assert ours == {key: {column: cells[column] for column in ours[key]} for key, cells in tables.items()}


@pytest.mark.skipif(not KUBECTL, reason="kubectl is not installed")
@pytest.mark.usefixtures("every_resource")
@pytest.mark.parametrize("resource", [name for name in PATHS if name != "componentstatuses"])
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
