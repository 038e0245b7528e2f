"""The requests, limits and security of a pod, computed of its containers as the scheduler and the kubelet do.

https://github.com/kubernetes/kubernetes/blob/v1.36.3/staging/src/k8s.io/component-helpers/resource/helpers.go
(PodRequests, PodLimits), https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.resources import shared
from airflow_provider_k8s_inventory.resources.quantities import quantity

Amounts = dict[str, Decimal]
"""Amounts by resource: cores of ``cpu``, bytes of ``memory``."""

Sums = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]
"""Requested cores and bytes, and the limits of both."""
_NONE: Final = Decimal()


class Quantities(msgspec.Struct, frozen=True, gc=False):
    """The amounts of a container or a pod that have columns, as they are written."""

    cpu: str | None = None
    memory: str | None = None

    @property
    def amounts(self) -> Amounts:
        """The amounts that are there."""
        found = {"cpu": quantity(self.cpu), "memory": quantity(self.memory)}
        return {name: amount for name, amount in found.items() if amount is not None}


class Requirements(msgspec.Struct, frozen=True, gc=False):
    """The resources of a container or a pod."""

    requests: Quantities | None = None
    limits: Quantities | None = None


class User(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The part of a security context, a pod's or a container's, that says who runs."""

    run_as_user: int | None = None
    run_as_non_root: bool | None = None


class SecurityContext(User, frozen=True, gc=False, rename="camel"):
    """The part of a container's security context that columns are made of."""

    privileged: bool | None = None


_UNSAID: Final = SecurityContext()


class Probe(msgspec.Struct, frozen=True, gc=False):
    """A probe that is there, whatever it does."""


class Container(shared.Container, frozen=True, gc=False, rename="camel"):
    """One container, init container or ephemeral container."""

    resources: Requirements | None = None
    security_context: SecurityContext | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None


class Spec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The part of a pod's spec that columns are computed of."""

    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    ephemeral_containers: list[Container] | None = None
    resources: Requirements | None = None
    overhead: Quantities | None = None
    security_context: User | None = None


def sums(spec: Spec) -> Sums:
    """Sum the requests of a pod and its limits; None where no container has any.

    :raises ValueError: when a quantity is none.
    """
    containers = [container.resources for container in spec.containers or ()]
    init_containers = [(container.restart_policy, container.resources) for container in spec.init_containers or ()]
    return _sums(tuple(containers), tuple(init_containers), spec.resources, spec.overhead)


# The pods of a deployment have the same: to look them up takes 1 us, and to sum them 12 us.
@lru_cache(maxsize=4096)
def _sums(
    containers: tuple[Requirements | None, ...],
    init_containers: tuple[tuple[str | None, Requirements | None], ...],
    own: Requirements | None,
    overhead: Quantities | None,
) -> Sums:
    above = overhead.amounts if overhead else {}
    requests = _needed(containers, init_containers, own, attrgetter("requests"))
    limits = _needed(containers, init_containers, own, attrgetter("limits"))
    # Who may use as much as there is may use the overhead too.
    limited = {name: amount for name, amount in above.items() if limits.get(name)}
    requests, limits = _added(requests, above), _added(limits, limited)
    return requests.get("cpu"), requests.get("memory"), limits.get("cpu"), limits.get("memory")


def _needed(
    containers: Iterable[Requirements | None],
    init_containers: Iterable[tuple[str | None, Requirements | None]],
    own: Requirements | None,
    which: Callable[[Requirements], Quantities | None],
) -> Amounts:
    """Find what all containers need while they run, or an init container before them, if that is more."""
    running: Amounts = {}
    for requirements in containers:
        running = _added(running, _amounts(requirements, which))
    sidecars: Amounts = {}
    starting: Amounts = {}
    for restart_policy, requirements in init_containers:
        amounts = _amounts(requirements, which)
        if restart_policy == "Always":  # a sidecar
            running, sidecars = _added(running, amounts), _added(sidecars, amounts)
            starting = _most(starting, sidecars)
        else:
            starting = _most(starting, _added(sidecars, amounts))
    # What is said of the whole pod takes the place of what its containers say.
    return _most(running, starting) | _amounts(own, which)


def _amounts(requirements: Requirements | None, which: Callable[[Requirements], Quantities | None]) -> Amounts:
    found = which(requirements) if requirements else None
    return found.amounts if found else {}


def _added(one: Amounts, other: Amounts) -> Amounts:
    return {name: one.get(name, _NONE) + other.get(name, _NONE) for name in one.keys() | other.keys()}


def _most(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, _NONE), other.get(name, _NONE)) for name in one.keys() | other.keys()}


def security(spec: Spec) -> tuple[bool, bool | None]:
    """Tell if a container is privileged, and if one runs as root; None: the image decides."""
    groups = (spec.containers, spec.init_containers, spec.ephemeral_containers)
    contexts = [container.security_context for group in groups for container in group or ()]
    return _security(tuple(contexts), spec.security_context)


@lru_cache(maxsize=4096)
def _security(contexts: tuple[SecurityContext | None, ...], pod: User | None) -> tuple[bool, bool | None]:
    roots = {_is_root(context or _UNSAID, pod or _UNSAID) for context in contexts}
    privileged = any(context.privileged for context in contexts if context)
    return privileged, True if True in roots else None if None in roots else False


def _is_root(container: User, pod: User) -> bool | None:
    user = pod.run_as_user if container.run_as_user is None else container.run_as_user
    if user is not None:
        return user == 0
    never = pod.run_as_non_root if container.run_as_non_root is None else container.run_as_non_root
    return False if never else None


def without_probes(containers: list[Container] | None) -> tuple[list[str], list[str]]:
    """List the names of the containers without a readiness probe, and of those without a liveness probe."""
    without_readiness, without_liveness = [], []
    for container in containers or ():
        if not container.readiness_probe:
            without_readiness.append(container.name)
        if not container.liveness_probe:
            without_liveness.append(container.name)
    return without_readiness, without_liveness
