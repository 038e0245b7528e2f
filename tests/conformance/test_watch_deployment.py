"""The Deployment of ``k8s-inventory watch`` is one that an API server takes, without a field it does not know."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.kit.cluster import LiveCluster

DEPLOYMENT = Path(__file__).parents[2] / "docs" / "k8s-inventory-watch.yaml"


def test_it_is_taken_as_it_is(cluster: LiveCluster, namespace: str) -> None:
    document = yaml.safe_load(DEPLOYMENT.read_text())
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments?fieldValidation=Strict&dryRun=All"
    taken = cluster.request("POST", path, document)

    assert taken["spec"]["replicas"] == 2
    assert taken["spec"]["template"]["spec"]["containers"][0]["args"][:2] == ["k8s-inventory", "watch"]
