"""Ask a cluster who we are to it, and what it allows: its authorization API tells, so that nothing is tried out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import ForbiddenError, NotServedError
from airflow_provider_k8s_inventory.kube.http import bodies
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Resource

_T = TypeVar("_T")
_ACCESS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_SELF: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class _AccessStatus(msgspec.Struct, frozen=True):
    allowed: bool
    reason: str = ""


class _AccessReview(msgspec.Struct, frozen=True):
    status: _AccessStatus


class _UserInfo(msgspec.Struct, frozen=True):
    username: str = ""
    groups: list[str] = []


class _SelfStatus(msgspec.Struct, frozen=True, rename="camel"):
    user_info: _UserInfo


class _SelfReview(msgspec.Struct, frozen=True):
    status: _SelfStatus


def may_list(client: Client, resource: Resource, namespace: str | None = None) -> tuple[bool, str]:
    """Ask whether we may list a resource; return that and the authorizer's reason.

    :param namespace: None asks for all namespaces.
    :raises ScopeError: when the cluster does not respond.
    """
    attributes = {"verb": "list", "group": resource.group, "version": resource.version, "resource": resource.plural}
    if namespace:
        attributes["namespace"] = namespace
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    status = _post(client, _ACCESS, body, _AccessReview).status
    return status.allowed, client.context.excerpt(status.reason)


def who_am_i(client: Client) -> str:
    """Ask for the user name the cluster knows us by, and its groups.

    :raises ScopeError: when the cluster does not respond.
    """
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        user = _post(client, _SELF, body, _SelfReview).status.user_info
    except (NotServedError, ForbiddenError):
        # Before Kubernetes 1.28, and where RBAC's system:basic-user was taken away.
        return "unknown: the cluster does not say"
    return client.context.excerpt(f"{user.username} ({', '.join(user.groups)})" if user.groups else user.username)


def _post(client: Client, path: str, body: Mapping[str, object], type_: type[_T]) -> _T:
    return bodies.decode(client.post(path, msgspec.json.encode(body)), type_, client.context, f"POST {path}")
