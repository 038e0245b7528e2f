"""Each object in `tests/fixtures/objects` becomes the row beside it; a new resource needs no other test.

A case is a folder ``RESOURCE/WHAT-IS-SPECIAL`` with the ``object.json`` that the API server lists and the ``row.json``
that must be in the resource's table.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory import resources
from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import crd
from tests.kit.syncer import Syncer

OBJECTS = Path(__file__).parents[1] / "fixtures" / "objects"
CASES = sorted(folder.parent for folder in OBJECTS.glob("*/*/object.json"))
OF_THE_SYNC = {"context_name", "cluster_uid", "first_seen_at", "changed_at", "object"}
"""The columns that say how and when a row came, which is tested elsewhere; the object is compared on its own."""

pytestmark = pytest.mark.postgres15


def read(text: str) -> Any:
    """Read JSON; fractions exactly, as PostgreSQL holds them."""
    return json.loads(text, parse_float=Decimal)


def stored(document: dict[str, Any], hidden: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object as its row has it: without what is only noise, and what is never kept."""
    document = {name: value for name, value in deepcopy(document).items() if name not in hidden}
    document["metadata"].pop("managedFields", None)
    document["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return document


def serve(cluster: Cluster, resource: str, document: dict[str, Any]) -> None:
    """Let the cluster's next list of a resource have one object; without its kind, where that is built in."""
    definition = resources.CATALOGUE.get(resource)
    # As lists of built-in resources come: without the kind of their items.
    item = {key: value for key, value in document.items() if definition is None or key not in ("kind", "apiVersion")}
    # Without kube-system, namespaces would not be those of this cluster.
    items = [item, cluster.get("namespaces", "kube-system")] if resource == "namespaces" else [item]
    body = json.dumps({"kind": f"{document['kind']}List", "metadata": {"resourceVersion": "1"}, "items": items})
    plural = definition.resource.plural if definition else resource.partition(".")[0]
    cluster.inject(Fault(path=f"/{plural}$", verb="list", body=body.encode()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_an_object_becomes_its_row(case: Path, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    resource = case.parent.name
    document = json.loads((case / "object.json").read_text(encoding="utf-8"))
    group, _, version = document["apiVersion"].rpartition("/")
    definition = resources.CATALOGUE.get(resource)
    if definition is None:
        dev.create("crd", crd(resource.partition(".")[0], group, document["kind"], versions=(version,)))
    serve(dev, resource, document)
    report = sync(resource)
    table = definition.table.name if definition else "k8s_custom_resources"
    name = document["metadata"]["name"]
    (found,) = inventory.query(f"SELECT to_jsonb(t)::text AS t FROM {table} AS t WHERE name = %s", name)
    row = read(found["t"])

    assert report.status == "success"
    assert report.warnings == ()
    assert row["object"] == read(json.dumps(stored(document, definition.hidden if definition else ())))
    assert {key: value for key, value in row.items() if key not in OF_THE_SYNC} == read(
        (case / "row.json").read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("resource", [name for name in resources.CATALOGUE if name != "clusters"])
def test_every_resource_has_a_case(resource: str) -> None:
    assert resource in {case.parent.name for case in CASES}


def test_every_object_has_its_row() -> None:
    assert CASES
    assert all((case / "row.json").exists() for case in CASES)


SECRETS = {case.name: case / "object.json" for case in CASES if case.parent.name == "secrets"}
ODD: dict[str, dict[str, Any]] = {
    "no base64": {"data": {"a": "planted-A-77=planted"}},
    "no text": {"data": {"a": 7712345678977, "b": ["planted-B-77"], "c": {"d": "planted-C-77"}}},
    "no map": {"data": "planted-D-77"},
    "not only base64": {"data": {"a": "cGxhbnRlZC1FLTc3"}, "stringData": {"b": "planted-F-77"}},
    "not to be held": {"data": {"a": "planted-G-77\0\ud800"}},
    "no certificate": {"data": {"tls.crt": 7712345678977}, "type": "kubernetes.io/tls"},
}
"""The contents of secrets that no API server would take."""


def planted(value: Any) -> Iterator[str]:
    """Find what nobody may see of a secret's values: their words, as they are written and decoded."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from planted(each)
        return
    written = str(value)
    try:
        decoded = base64.b64decode(written, validate=True).decode()
    except ValueError:
        decoded = ""
    yield from re.findall(r"[A-Za-z0-9+/=-]{8,}", f"{written} {decoded}")


@pytest.mark.parametrize(
    "document",
    [
        *(json.loads(path.read_text(encoding="utf-8")) for path in SECRETS.values()),
        *(
            {"kind": "Secret", "metadata": {"name": "odd", "namespace": "shop", "uid": "u1"}} | odd
            for odd in ODD.values()
        ),
    ],
    ids=[*SECRETS, *ODD],
)
def test_what_a_secret_holds_is_nowhere(
    document: dict[str, Any], dev: Cluster, run: CommandLine, inventory: Inventory
) -> None:
    serve(dev, "secrets", document)
    result = run.sync("--context", "dev", "--resource", "secrets")
    (row,) = inventory.query("SELECT t::text AS t FROM k8s_secrets AS t")
    (entry,) = inventory.query("SELECT t::text AS t FROM k8s_syncs AS t")
    seen = f"{result.output}\n{row['t']}\n{entry['t']}"

    assert result.exit_code == 0
    assert document["metadata"]["name"] in row["t"]
    assert [word for name in ("data", "stringData") for word in planted(document.get(name, {})) if word in seen] == []
