"""Kubernetes objects, as small as the tests can use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Manifest = dict[str, Any]


def named(name: str, namespace: str | None = None, **metadata: Any) -> Manifest:
    """An object that has nothing but metadata."""
    return {"metadata": {"name": name} | ({"namespace": namespace} if namespace else {}) | metadata}


def pod(
    name: str, namespace: str = "default", *, phase: str = "Running", node: str | None = None, **metadata: Any
) -> Manifest:
    """A pod of one container; without a node it has not been scheduled."""
    spec: Manifest = {"containers": [{"name": "main", "image": "registry.example.com/app:1"}]}
    if node:
        spec["nodeName"] = node
    return named(name, namespace, **metadata) | {"spec": spec, "status": {"phase": phase}}


def pods(count: int, namespace: str = "default", *, prefix: str = "web") -> list[Manifest]:
    """Pods whose names sort by their number."""
    return [pod(f"{prefix}-{number:04}", namespace) for number in range(count)]


def node(name: str) -> Manifest:
    return named(name) | {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}


ANYTHING = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
WIDGETS = "widgets.example.com"
"""The custom resource of the tests, as kubectl writes it."""


def crd(
    plural: str,
    group: str,
    kind: str,
    *,
    scope: str = "Namespaced",
    versions: Sequence[str] = ("v1",),
    stored: str | None = None,
    unserved: Sequence[str] = (),
) -> Manifest:
    """A CustomResourceDefinition whose instances have a status and may have any field.

    :param versions: those that are served.
    :param stored: the version that is stored; None: the first.
    :param unserved: versions that nobody can ask for.
    """
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "shortNames": [plural[:2]]}
    described = [
        {
            "name": version,
            "served": version not in unserved,
            "storage": version == (stored or versions[0]),
            "schema": ANYTHING,
            "subresources": {"status": {}},
        }
        for version in (*versions, *unserved)
    ]
    spec = {"group": group, "scope": scope, "names": names, "versions": described}
    return named(f"{plural}.{group}") | {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": spec,
    }


def widget_definition(**more: Any) -> Manifest:
    """The definition of `WIDGETS`; see `crd`."""
    return crd("widgets", "example.com", "Widget", **more)
