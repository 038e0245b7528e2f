"""The one dict Airflow reads to know this provider.

Only data, and cheap to import: every component of Airflow calls it at its start. What it names lives in `hooks`,
`operators`, `transfers` and `triggers`.
"""

from __future__ import annotations

from typing import Any, Final

_PACKAGE: Final = __name__.rpartition(".")[0]
_NAME: Final = "Kubernetes inventory"


def _modules(*names: str) -> list[dict[str, Any]]:
    return [{"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.{name}" for name in names]}]


def get_provider_info() -> dict[str, Any]:
    """Return what Airflow's `provider_info.schema.json` asks for, as 3.1 and all later releases accept it."""
    return {
        # The canonical name of the distribution: with any other, every command of Airflow raises ValueError.
        "package-name": "airflow-provider-k8s-inventory",
        "name": _NAME,
        "description": "Keeps a faithful, queryable PostgreSQL inventory of many Kubernetes clusters.",
        "integrations": [{"integration-name": _NAME, "tags": ["software"]}],
        "hooks": _modules("hooks.kubernetes"),
        "operators": _modules(
            "operators.check", "operators.migrate", "operators.plan", "operators.publish", "operators.report"
        ),
        "triggers": _modules("triggers.changed"),
        "transfers": [
            {
                "source-integration-name": _NAME,
                "target-integration-name": "PostgreSQL",
                "python-module": f"{_PACKAGE}.transfers.kubernetes_to_postgres",
            }
        ],
        "connection-types": [
            {
                "connection-type": "k8s_inventory",
                "hook-name": _NAME,
                "hook-class-name": f"{_PACKAGE}.hooks.kubernetes.KubernetesInventoryHook",
                # The form, read since Airflow 3.2; on 3.1 the same fields are keys of the connection's extra.
                "conn-fields": _fields(),
                "ui-field-behaviour": {
                    # The port is shown for the Test button of Airflow 3.3.2: it sends 0 for a port that is not set, is
                    # told that this is not the port stored, and says "Bad Request".
                    "hidden-fields": ["host", "login", "password", "schema", "extra"],
                    "relabeling": {"port": "Port (not used)"},
                    "placeholders": {
                        "port": "0: the Test button of Airflow 3.3 needs it",
                        "kube_config_path": "/etc/kubernetes/clusters.yaml",
                    },
                },
            }
        ],
    }


def _fields() -> dict[str, Any]:
    return {
        "kube_config_path": {
            "label": "Kubeconfig file",
            "description": "Give one of these three, or none for the kubeconfig of the worker. A path on the workers, "
            "for example /etc/kubernetes/clusters.yaml; several are separated by a colon, as in KUBECONFIG.",
            "schema": {"type": ["string", "null"]},
        },
        # Airflow's REST API hides an extra's value only when its key says secret, password or token.
        "kube_config_secret": {
            "label": "Kubeconfig (JSON or YAML)",
            "description": "Its text, stored encrypted: the output of `kubectl config view --raw --flatten -o json`.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        "in_cluster": {
            "label": "The cluster Airflow runs in",
            "description": "Only this one, with the service account of the workers' pods.",
            "schema": {"type": ["boolean", "null"]},
        },
        "page_size": {
            "label": "Page size",
            "description": "Objects asked for at once, when the operator says nothing, for example 500. Empty: 1000.",
            "schema": {"type": ["integer", "null"], "minimum": 1},
        },
    }
