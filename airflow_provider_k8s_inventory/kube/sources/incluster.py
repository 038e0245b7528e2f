"""The cluster whose pod we run in, by the service account Kubernetes gives every pod.

Kubeconfigs are in `kubeconfig`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from airflow_provider_k8s_inventory.kube.sources.contexts import Context, Kubeconfig
from airflow_provider_k8s_inventory.kube.sources.credentials import TokenFileCredentials

NAME: Final = "in-cluster"
"""The context's and the cluster's name, as a pod has no kubeconfig to give one."""
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def kubeconfig() -> Kubeconfig | None:
    """A kubeconfig with the one context of the pod; None when this is no pod, or one without a token."""
    folder = SERVICE_ACCOUNT
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not os.path.exists(folder / "token"):
        return None
    ca = folder / "ca.crt"
    context = Context(
        name=NAME,
        cluster_name=NAME,
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=_namespace(folder / "namespace"),
        ca_file=str(ca) if ca.exists() else None,
        credentials=TokenFileCredentials(owner=f"context {NAME!r}", path=str(folder / "token")),
    )
    return Kubeconfig(contexts={NAME: context}, current=NAME, source=f"the pod's service account in {folder}")


def _namespace(path: Path) -> str | None:
    """The pod's namespace, which is only shown; it is no reason to fail."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None
