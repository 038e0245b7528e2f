"""The cluster whose pod we run in, by the service account Kubernetes gives every pod.

Kubeconfigs are in `kubeconfig`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from airflow_provider_k8s_inventory.kube.contexts import Context, Kubeconfig
from airflow_provider_k8s_inventory.kube.credentials import TokenFileCredentials

NAME = "in-cluster"
"""The context's and the cluster's name, as a pod has no kubeconfig to give one."""
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def kubeconfig(environ: Mapping[str, str] | None = None, folder: Path = SERVICE_ACCOUNT) -> Kubeconfig | None:
    """A kubeconfig with the one context of the pod; None when this is no pod, or one without a token.

    :param environ: None means this process's.
    :param folder: where the service account is mounted.
    """
    environ = os.environ if environ is None else environ
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not os.path.exists(folder / "token"):
        return None
    ca, namespace = folder / "ca.crt", folder / "namespace"
    context = Context(
        name=NAME,
        cluster_name=NAME,
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=namespace.read_text(encoding="utf-8").strip() or None if namespace.exists() else None,
        ca_file=str(ca) if ca.exists() else None,
        credentials=TokenFileCredentials(owner=f"context {NAME!r}", path=str(folder / "token")),
    )
    return Kubeconfig(contexts={NAME: context}, current=NAME, source=f"the pod's service account in {folder}")
