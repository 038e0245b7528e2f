"""The reviews by which a client asks who it is and what it may do.

The rules themselves are in `access`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_k8s_inventory.simulator.access import User
from airflow_provider_k8s_inventory.simulator.errors import bad_request, method_not_allowed

SELF_REVIEWS: Final = frozenset(
    {"selfsubjectaccessreviews.authorization.k8s.io", "selfsubjectreviews.authentication.k8s.io"}
)
"""What every user may ask, as Kubernetes' ClusterRole ``system:basic-user`` says."""


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


def review(plural: str, user: User, document: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a review.

    :raises StatusError: 400, it asks for nothing; 405, it is one that nobody needed yet.
    """
    spec = document.get("spec") or {}
    match plural:
        case "selfsubjectaccessreviews":
            kind, status = (
                {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"},
                _access(user, spec),
            )
        case "selfsubjectreviews":
            kind, status = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}, _identity(user)
        case _:
            raise method_not_allowed()
    return {**kind, "metadata": {}, "spec": spec, "status": status}
