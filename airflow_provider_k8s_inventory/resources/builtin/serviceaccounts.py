"""ServiceAccounts: who pods are, and what they pull images with."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import boolean, count, resource, texts

DEFINITION = resource(
    "v1",
    "serviceaccounts",
    "ServiceAccount",
    count("secrets", "secrets"),
    texts("image_pull_secrets", "imagePullSecrets[].name"),
    boolean("automount_token", "automountServiceAccountToken"),
    short=("sa",),
)
