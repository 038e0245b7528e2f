"""The access to a simulated server: users, the rules they are under, and how a request proves its user.

The requests' verbs and targets are read in `targets`; certificates are made in `certificates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from k8s_inventory_demo.simulator.errors import StatusError, details, unauthorized
from k8s_inventory_demo.simulator.targets import Target

_EVERYTHING: Final = ("*",)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A right of a user, or the lack of one."""

    verbs: tuple[str, ...] = _EVERYTHING
    """For example ``("get", "list")``."""
    resources: tuple[str, ...] = _EVERYTHING
    """As kubectl writes them, or globs: ``("pods", "deployments.apps", "*.example.com")``."""
    namespaces: tuple[str, ...] = _EVERYTHING
    """With names here, a rule does not speak of requests that span the cluster."""

    def covers(self, verb: str, resource: str, namespace: str | None) -> bool:
        """Tell if the rule covers a request."""
        return (
            any(fnmatchcase(verb, pattern) for pattern in self.verbs)
            and any(fnmatchcase(resource, pattern) for pattern in self.resources)
            and ("*" in self.namespaces or namespace in self.namespaces)
        )


@dataclass(frozen=True, kw_only=True)
class User:
    """Somebody a server knows. Without rules of its own, a user may do everything."""

    name: str
    groups: tuple[str, ...] = ("system:masters",)
    certificate: bool = False
    """True: the kubeconfig proves this user by a client certificate, else by a token."""
    token: str | None = field(default=None, repr=False)
    """The bearer token; ``None`` for one that depends on the server's key."""
    allowed: tuple[Rule, ...] = (Rule(),)
    denied: tuple[Rule, ...] = ()
    """Taken away from what is allowed; real RBAC has only the other kind of rule."""

    def may(self, verb: str, resource: str, namespace: str | None) -> bool:
        """Tell if a request is allowed."""
        return any(rule.covers(verb, resource, namespace) for rule in self.allowed) and not any(
            rule.covers(verb, resource, namespace) for rule in self.denied
        )


def common_name(peer: Mapping[str, Any] | None) -> str | None:
    """Identify the user a client certificate speaks for, as Python's ssl module describes the certificate."""
    subject = (peer or {}).get("subject", ())
    return next((value for attributes in subject for key, value in attributes if key == "commonName"), None)


def authenticate(
    users: Mapping[str, User], tokens: Mapping[str, str], authorization: str | None, peer: Mapping[str, Any] | None
) -> User:
    """Identify the user a request comes from: its certificate's, else its bearer token's.

    :param tokens: from token to user name.
    :raises StatusError: 401.
    """
    if name := common_name(peer):
        return users.get(name) or User(name=name, groups=(), allowed=())
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and token in tokens:
        return users[tokens[token]]
    raise unauthorized()


def forbidden(user: User, verb: str, at: Target) -> StatusError:
    """403, in the words of the real server's RBAC authorizer."""
    what = f"{at.plural}.{at.group}" if at.group else at.plural
    named = f'{what} "{at.name}"' if at.name else what
    plural = f"{at.plural}/{at.subresource}" if at.subresource else at.plural
    where = f'in the namespace "{at.namespace}"' if at.namespace else "at the cluster scope"
    message = (
        f'{named} is forbidden: User "{user.name}" cannot {verb} resource "{plural}" in API group "{at.group}" {where}'
    )
    return StatusError(403, "Forbidden", message, details=details(at.plural, at.group, at.name))
