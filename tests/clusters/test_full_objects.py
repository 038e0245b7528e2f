"""An object that has every field of the API becomes a row, however it is read, and nothing of it is left out."""

from __future__ import annotations

from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Simulator

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from tests.clusters.control_plane import ControlPlane
from tests.clusters.schemas import TIME, Schemas
from tests.kit.agreement import MODES
from tests.kit.inventory import Inventory
from tests.kit.live_inventory import UNCACHED
from tests.kit.syncer import Syncer

LISTED = {name: definition for name, definition in resources.CATALOGUE.items() if definition.listed}
OF_CERTAIN_TEXTS = {
    "problem", "problem_detail", "problem_since", "available", "able_to_scale", "scaling_active", "scaling_limited",
    "dangling", "ready", "internal_ip", "external_ip", "node_pool", "zone", "region", "instance_type", "service_name",
    "deleted_at", "certificate_subject", "certificate_dns_names", "certificate_not_after",
}  # fmt: skip
"""The columns that need a condition, a label or a certificate, and are NULL where every text is the same."""


@pytest.fixture(scope="module")
def schemas(control_plane: ControlPlane) -> dict[str, Schemas]:
    """The schemas of the group of each resource."""
    return {name: Schemas(definition, control_plane) for name, definition in LISTED.items()}


def full(name: str, schemas: Schemas, items: int) -> dict[str, Any]:
    """An object with every field, that a cluster could hold."""
    document: dict[str, Any] = schemas.filled(schemas.of_object(), items)
    namespace = {"namespace": "default"} if LISTED[name].resource.namespaced else {}
    metadata = {key: value for key, value in document["metadata"].items() if key != "namespace"}
    metadata |= {"name": "full", "uid": f"uid-of-{name}", "creationTimestamp": TIME, **namespace}
    metadata["ownerReferences"] = [each | {"controller": True} for each in metadata["ownerReferences"]][:1]
    resource = LISTED[name].resource
    return document | {"metadata": metadata, "kind": resource.kind, "apiVersion": resource.api_version}


@pytest.mark.parametrize("items", [1, 2])
@pytest.mark.parametrize("name", LISTED)
def test_it_becomes_a_row_in_every_mode(
    name: str, items: int, schemas: dict[str, Schemas], migrated_database: str
) -> None:
    definition, document = LISTED[name], full(name, schemas[name], items)
    columns = [column.name for column in definition.table.columns if column.extracted]
    namespace = "default" if definition.resource.namespaced else None
    with Simulator([Cluster("dev")]) as simulator, Inventory(migrated_database) as inventory:
        sync = Syncer(
            lambda: kubeconfig.parse(simulator.kubeconfig_document(), source="the simulator").contexts,
            migrated_database,
        )
        cluster = simulator["dev"]
        cluster.seed(name, [document])
        reports = [sync(name, mode="full")]
        for mode in MODES:
            labels = {"metadata": {"labels": {"mode": mode}}}
            cluster.patch(name, "full", labels, namespace)
            reports.append(sync(name, mode=mode))
        served = cluster.get(name, "full", namespace)
        row = inventory.row(definition.table.name, "full")

    assert [(report.status, report.warnings) for report in reports] == [("success", ())] * 4
    if definition.resource.watchable and name not in UNCACHED:
        assert [report.mode for report in reports[1:]] == list(MODES)
    assert row["labels"]["mode"] == MODES[-1]
    assert {column for column in columns if row[column] is None} <= OF_CERTAIN_TEXTS
    served["metadata"].pop("managedFields", None)
    assert row["object"] == {key: value for key, value in served.items() if key not in definition.hidden}
