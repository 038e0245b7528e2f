"""The view of a custom resource shows what kubectl prints of its instances, and follows its definition."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.agreement import EVERY_MODE
from tests.kit.custom_resources import DEFINITIONS, CustomResource
from tests.kit.live_inventory import LiveInventory

pytestmark = EVERY_MODE

MACHINES = CustomResource("machines", "Machine", "views.example.com")
VIEW = "k8s_cr_machines_views_example_com"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
COLUMNS: list[dict[str, Any]] = [
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Cores", "type": "integer", "jsonPath": ".spec.cores"},
    {"name": "Load", "type": "number", "jsonPath": ".spec.load"},
    {"name": "Paused", "type": "boolean", "jsonPath": ".spec.paused"},
    {"name": "First", "type": "string", "jsonPath": ".spec.addresses[0]"},
    {"name": "Each", "type": "string", "jsonPath": ".spec.addresses[*]"},
    {"name": "Team", "type": "string", "jsonPath": ".metadata.labels.example\\.com/team"},
    {"name": "Deep", "type": "string", "jsonPath": ".spec.disks[?(@.size>10)].name", "priority": 1},
]
SPECS: dict[str, dict[str, Any]] = {
    "full": {
        "cores": 4,
        "load": 0.25,
        "paused": False,
        "addresses": ["192.0.2.1", "192.0.2.2"],
        "disks": [{"name": "small", "size": 5}, {"name": "large", "size": 50}],
    },
    "bare": {},
    "empty": {"addresses": [], "disks": [], "cores": 0},
}


def prints(inventory: LiveInventory, resource: CustomResource, columns: list[dict[str, Any]]) -> None:
    """Let a definition print these columns."""
    path = f"{DEFINITIONS}/{resource.name}"
    versions = inventory.cluster.request("GET", path)["spec"]["versions"]
    changed = [version | {"additionalPrinterColumns": columns} for version in versions]
    inventory.cluster.request("PATCH", path, {"spec": {"versions": changed}})


@pytest.fixture
def machines(inventory: LiveInventory, namespace: str) -> str:
    """A namespace with instances of a definition that prints columns."""
    MACHINES.define(inventory.cluster)
    prints(inventory, MACHINES, COLUMNS)
    for name, spec in SPECS.items():
        MACHINES.add(inventory.cluster, namespace, name, spec)
    full = f"/apis/{MACHINES.group}/v1/namespaces/{namespace}/machines/full"
    conditions = [{"type": "Live", "status": "Unknown"}, {"type": "Ready", "status": "True"}]
    inventory.cluster.request("PATCH", f"{full}/status", {"status": {"conditions": conditions}})
    inventory.cluster.request("PATCH", full, {"metadata": {"labels": {"example.com/team": "a"}}})
    return namespace


def test_the_view_shows_what_kubectl_prints(inventory: LiveInventory, machines: str) -> None:
    if not inventory.cluster.prints_tables:
        pytest.skip("only an API server prints tables")
    for resource in ("crds", MACHINES.name):
        assert inventory.sync(resource).status == "success"
    table = inventory.cluster.request("GET", f"{MACHINES.path}?includeObject=Metadata", accept=TABLE)
    names = [column["name"] for column in table["columnDefinitions"]]
    printed = {
        row["object"]["metadata"]["uid"]: dict(zip(names, row["cells"], strict=True))
        for row in table["rows"]
        if row["object"]["metadata"]["namespace"] == machines
    }
    rows = {row["uid"]: row for row in inventory.rows(VIEW) if row["namespace"] == machines}

    assert {uid: {each["name"]: row[each["name"].lower()] for each in COLUMNS} for uid, row in rows.items()} == {
        uid: {each["name"]: cells[each["name"]] for each in COLUMNS} for uid, cells in printed.items()
    }
    assert len(rows) == len(SPECS)


def test_the_view_follows_the_definition(inventory: LiveInventory, mode: str) -> None:
    # One that is withdrawn and defined again may be "shutting down" for a while.
    resource = CustomResource(f"{mode}machines", f"{mode.title()}Machine", MACHINES.group)
    view = f"k8s_cr_{mode}machines_views_example_com"

    def columns() -> set[str]:
        found = inventory.query(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0", view
        )
        return {row["attname"] for row in found} & {"ready", "cores", "weight"}

    resource.define(inventory.cluster)
    prints(inventory, resource, COLUMNS)
    inventory.sync("crds")
    assert columns() == {"ready", "cores"}
    prints(inventory, resource, [COLUMNS[1], {"name": "Weight", "type": "number", "jsonPath": ".spec.weight"}])
    inventory.sync("crds")
    assert columns() == {"cores", "weight"}
    resource.withdraw(inventory.cluster)
    assert inventory.sync("crds").status == "success"
    assert columns() == set()
