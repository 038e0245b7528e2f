"""The reviews by which a client asks who it is and what it may do.

The rules themselves are in `access`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from k8s_inventory_demo.simulator.access import User
from k8s_inventory_demo.simulator.errors import invalid, method_not_allowed
from k8s_inventory_demo.simulator.served import Served

SELF_REVIEWS: Final = frozenset(
    {"selfsubjectaccessreviews.authorization.k8s.io", "selfsubjectreviews.authentication.k8s.io"}
)
"""The requests every user may send, as Kubernetes' ClusterRole ``system:basic-user`` says."""


def _access(user: User, spec: Mapping[str, Any]) -> dict[str, Any]:
    if (attributes := spec.get("resourceAttributes")) is None:
        if "nonResourceAttributes" not in spec:
            why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise invalid(
                "SelfSubjectAccessReview", "authorization.k8s.io", "spec.resourceAttributes", "Invalid value", why
            )
        return {"allowed": True}
    plural, group = attributes.get("resource", "*"), attributes.get("group", "")
    resource = f"{plural}.{group}" if group else plural
    if subresource := attributes.get("subresource"):
        resource = f"{resource}/{subresource}"
    return {"allowed": user.may(attributes.get("verb", "*"), resource, attributes.get("namespace") or None)}


def _identity(user: User) -> dict[str, Any]:
    groups = dict.fromkeys((*user.groups, "system:authenticated"))
    return {"userInfo": {"username": user.name, "groups": list(groups)}}


def review(served: Served, user: User, document: Mapping[str, Any]) -> dict[str, Any]:
    """Respond to a review.

    :raises StatusError: 405, it is one that nobody needed yet; 422, it asks for nothing.
    """
    response = {"kind": served.kind, "apiVersion": served.api_version, "metadata": {}}
    match served.kind:
        case "SelfSubjectAccessReview":
            spec = document.get("spec") or {}
            return {**response, "spec": spec, "status": _access(user, spec)}
        case "SelfSubjectReview":
            return {**response, "status": _identity(user)}
    raise method_not_allowed()
