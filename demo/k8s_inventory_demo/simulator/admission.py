"""The server's additions to an object it is given: names, identity, and the few defaults that clients rely on.

The order of a write and its conflicts are in `writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from k8s_inventory_demo.simulator.errors import bad_request, invalid
from k8s_inventory_demo.simulator.served import DEFINITIONS, Served

Document = dict[str, Any]
"""An object as JSON has it."""


def now() -> str:
    """Write the time as Kubernetes does."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _namespace(document: Document) -> None:
    labels = document["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = document["metadata"]["name"]
    document.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    document.setdefault("status", {"phase": "Active"})


def _pod(document: Document) -> None:
    document.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})


def _service(document: Document) -> None:
    document.setdefault("spec", {}).setdefault("type", "ClusterIP")
    document.setdefault("status", {"loadBalancer": {}})


def _definition(document: Document) -> None:
    """Establish a definition at once: kubectl and operators wait for this condition before they create an instance."""
    spec, since = document["spec"], document["metadata"]["creationTimestamp"]
    names = {"listKind": f"{spec['names']['kind']}List", "singular": spec["names"]["kind"].lower(), **spec["names"]}
    spec["names"] = names
    conditions = {
        "NamesAccepted": ("NoConflicts", "no conflicts found"),
        "Established": ("InitialNamesAccepted", "the initial names have been accepted"),
    }
    document["status"] = {
        "acceptedNames": names,
        "conditions": [
            {"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": since}
            for type_, (reason, message) in conditions.items()
        ],
        "storedVersions": [version["name"] for version in spec["versions"] if version.get("storage")],
    }


_DEFAULTS: Final[Mapping[str, Callable[[Document], None]]] = {
    "namespaces": _namespace,
    "pods": _pod,
    "services": _service,
    DEFINITIONS: _definition,
}


def default(collection: str, document: Document) -> None:
    """Add what the server adds to a new object of this resource."""
    if add := _DEFAULTS.get(collection):
        add(document)


def name_of(served: Served, metadata: Mapping[str, Any], version: int) -> str:
    """Choose the name of a new object.

    :param version: makes a generated name unique.
    :raises StatusError: 422, it has none and no ``generateName``.
    """
    if name := metadata.get("name"):
        return str(name)
    if prefix := metadata.get("generateName"):
        return f"{prefix}{version:05x}"
    why = "name or generateName is required"
    raise invalid(served.kind, served.group, "metadata.name", "Required value", why)


def namespace_of(served: Served, metadata: Mapping[str, Any], requested: str | None) -> str | None:
    """Find the namespace an object is written to: the path's, or (from Python) its own.

    :raises StatusError: 400, the two differ, or a namespaced resource is written without one.
    """
    given = metadata.get("namespace")
    if not served.namespaced:
        return None
    if given and requested and given != requested:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if not (namespace := requested or given):
        raise bad_request(f"an object of {served.name} needs a namespace")
    return str(namespace)
