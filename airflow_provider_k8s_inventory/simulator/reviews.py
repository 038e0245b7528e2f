"""The reviews by which a client asks who it is and what it may do.

The rules themselves are in `access`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_k8s_inventory.simulator.access import User
from airflow_provider_k8s_inventory.simulator.errors import bad_request


def _access(user: User, spec: Mapping[str, Any]) -> dict[str, Any]:
    if (attributes := spec.get("resourceAttributes")) is None:
        if "nonResourceAttributes" not in spec:
            raise bad_request("exactly one of nonResourceAttributes or resourceAttributes must be specified")
        return {"allowed": True}
    plural, group = attributes.get("resource", "*"), attributes.get("group", "")
    resource = f"{plural}.{group}" if group else plural
    if subresource := attributes.get("subresource"):
        resource = f"{resource}/{subresource}"
    return {"allowed": user.may(attributes.get("verb", "*"), resource, attributes.get("namespace") or None)}


def _identity(user: User) -> dict[str, Any]:
    return {"userInfo": {"username": user.name, "groups": [*user.groups, "system:authenticated"]}}


def review(plural: str, user: User, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer to a review; ``None`` when the resource is not one that is answered.

    :raises StatusError: 400, it asks for nothing.
    """
    spec = document.get("spec") or {}
    if plural == "selfsubjectaccessreviews":
        return {**document, "metadata": {}, "status": _access(user, spec)}
    if plural == "selfsubjectreviews":
        return {**document, "metadata": {}, "status": _identity(user)}
    return None
