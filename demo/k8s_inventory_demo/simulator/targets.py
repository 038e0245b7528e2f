"""The meaning of a request's path and method: the target and the verb, as Kubernetes' RequestInfo reads them.

Who may do it is in `access`, how it is done in `server`.
https://github.com/kubernetes/apiserver/blob/master/pkg/endpoints/request/requestinfo.go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from k8s_inventory_demo.simulator.options import is_true

_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})
_ON_OBJECTS: Final = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_ON_COLLECTIONS: Final = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A resource's collection or one of its objects."""

    group: str
    version: str
    plural: str
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None

    @property
    def resource(self) -> str:
        """As rules name it: ``pods``, ``deployments.apps``, ``pods/log``."""
        plural = f"{self.plural}.{self.group}" if self.group else self.plural
        return f"{plural}/{self.subresource}" if self.subresource else plural


def target(path: str) -> Target | None:
    """Read a path; ``None`` when it is not that of a resource."""
    match path.strip("/").split("/"):
        case ["api", version, *rest] if rest:
            return _target("", version, rest)
        case ["apis", group, version, *rest] if rest:
            return _target(group, version, rest)
    return None


def _target(group: str, version: str, rest: list[str]) -> Target | None:
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
        _, namespace, *rest = rest
    if len(rest) > 3:
        return None
    plural, name, subresource = (*rest, None, None)[:3]
    return Target(
        group=group, version=version, plural=str(plural), namespace=namespace, name=name, subresource=subresource
    )


def verb(method: str, at: Target | None, query: Mapping[str, str]) -> str:
    """Return the verb that rules speak of; of a path that is not a resource's, the method in small letters."""
    if at is None:
        return method.lower()
    if method == "GET" and is_true(query.get("watch")):
        return "watch"
    return (_ON_OBJECTS if at.name else _ON_COLLECTIONS).get(method, method.lower())
