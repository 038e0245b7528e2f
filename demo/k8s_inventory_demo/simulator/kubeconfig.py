"""The kubeconfig by which clients find simulated clusters.

Certificates and tokens come from `certificates`; reading kubeconfigs is not this package's business.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from k8s_inventory_demo.simulator.certificates import Pair

Document = dict[str, Any]


def empty() -> Document:
    """Make a kubeconfig of nothing."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [],
        "contexts": [],
        "users": [],
        "current-context": "",
    }


def _given(field: str, data: bytes, file: Path | None) -> Document:
    """Write a certificate or key: by the name of its file, as minikube does, or as data where there is no file."""
    return {field: str(file.resolve())} if file else {f"{field}-data": base64.b64encode(data).decode()}


def add_cluster(document: Document, name: str, server: str, authority: Pair) -> None:
    """Name a server and the authority that vouches for it."""
    cluster = {"server": server, **_given("certificate-authority", authority.certificate, authority.kept_as)}
    document["clusters"].append({"name": name, "cluster": cluster})


def add_context(document: Document, name: str, cluster: str, user: str, proof: Pair | str) -> None:
    """Name a cluster as seen by a user; the first context is the current one.

    :param proof: the user's certificate, or bearer token.
    """
    if isinstance(proof, Pair):
        credentials = {
            **_given("client-certificate", proof.certificate, proof.kept_as),
            **_given("client-key", proof.key, proof.key_kept_as),
        }
    else:
        credentials = {"token": proof}
    context = {"cluster": cluster, "user": user, "namespace": "default"}
    document["contexts"].append({"name": name, "context": context})
    document["users"].append({"name": user, "user": credentials})
    document["current-context"] = document["current-context"] or name


def write(path: Path, document: Document) -> Path:
    """Keep it in a file that only its owner can read.

    :returns: the path.
    """
    text = yaml.safe_dump(document, sort_keys=False)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path
