"""Each object in `tests/fixtures/objects` becomes the row beside it; a new resource needs no other test.

A case is a folder ``RESOURCE/WHAT-IS-SPECIAL`` with the ``object.json`` that the API server lists and the ``row.json``
that must be in the resource's table.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory import resources
from tests.kit.inventory import Inventory
from tests.kit.objects import crd
from tests.kit.syncer import Syncer

OBJECTS = Path(__file__).parents[1] / "fixtures" / "objects"
CASES = sorted(folder.parent for folder in OBJECTS.glob("*/*/object.json"))
OF_THE_SYNC = {"context_name", "cluster_uid", "first_seen_at", "changed_at", "object"}
"""The columns that say how and when a row came, which is tested elsewhere; the object is compared on its own."""

pytestmark = pytest.mark.postgres15


def stored(document: dict[str, Any]) -> dict[str, Any]:
    """An object as its row has it: without what is only noise."""
    document = deepcopy(document)
    document["metadata"].pop("managedFields", None)
    document["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return document


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_an_object_becomes_its_row(case: Path, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    resource = case.parent.name
    document = json.loads((case / "object.json").read_text(encoding="utf-8"))
    group, _, version = document["apiVersion"].rpartition("/")
    definition = resources.CATALOGUE.get(resource)
    if definition is None:
        dev.create("crd", crd(resource.partition(".")[0], group, document["kind"], versions=(version,)))
    # As lists of built-in resources come: without the kind of their items.
    item = {key: value for key, value in document.items() if definition is None or key not in ("kind", "apiVersion")}
    # Without kube-system, namespaces would not be those of this cluster.
    items = [item, dev.get("namespaces", "kube-system")] if resource == "namespaces" else [item]
    body = json.dumps({"kind": f"{document['kind']}List", "metadata": {"resourceVersion": "1"}, "items": items})
    plural = definition.resource.plural if definition else resource.partition(".")[0]
    dev.inject(Fault(path=f"/{plural}$", verb="list", body=body.encode()))
    report = sync(resource)
    table = definition.table.name if definition else "k8s_custom_resources"
    name = document["metadata"]["name"]
    (row,) = inventory.query(f"SELECT to_jsonb(t) AS t FROM {table} AS t WHERE name = %s", name)

    assert (report.status, report.warnings) == ("success", ())
    assert row["t"]["object"] == stored(document)
    assert {key: value for key, value in row["t"].items() if key not in OF_THE_SYNC} == json.loads(
        (case / "row.json").read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("resource", [name for name in resources.CATALOGUE if name != "clusters"])
def test_every_resource_has_a_case(resource: str) -> None:
    assert resource in {case.parent.name for case in CASES}


def test_every_object_has_its_row() -> None:
    assert CASES
    assert all((case / "row.json").exists() for case in CASES)
