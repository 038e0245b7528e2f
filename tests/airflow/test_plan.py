"""What the plan operator returns for the sync to be mapped over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_k8s_inventory.exceptions import KubeconfigError, UnknownContextError, UnknownResourceError, UsageError
from airflow_provider_k8s_inventory.operators.plan import KubernetesInventoryPlanOperator


def plan(**arguments: Any) -> list[tuple[str, str]]:
    scopes = KubernetesInventoryPlanOperator(task_id="plan", **arguments).execute({})
    return [(scope["cluster_context"], scope["resource"]) for scope in scopes]


def test_every_context_and_the_six_resources_by_default(kubeconfig: Path) -> None:
    six = ["clusters", "namespaces", "pods", "deployments", "services", "crds"]
    assert plan() == [(context, resource) for context in ("dev", "prod") for resource in six]
