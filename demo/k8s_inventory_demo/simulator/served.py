"""The resources a simulated API server serves: what discovery says of each, and how they are found.

The built-in ones are listed in `builtin`; the documents that tell clients of them are made in `discovery`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_k8s_inventory.model import Resource

DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"
"""The collection whose objects make further resources."""
VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS: Final = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
"""The same in the order in which discovery lists those of custom resources."""
_STATUS_VERBS: Final = ("get", "patch", "update")
_WITHOUT_GENERATION: Final = frozenset(
    {"namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "resourcequotas", "services"}
)


@dataclass(frozen=True, kw_only=True)
class Subresource:
    """A path below an object."""

    name: str
    """For example ``"status"``."""
    verbs: tuple[str, ...] = _STATUS_VERBS
    kind: str | None = None
    """The part that is read or written there; ``None`` for the object itself."""
    group: str = ""
    """Of the kind, when it is not the object's own; and so the version."""
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Served(Resource):
    """One resource in one version, as discovery describes it."""

    singular: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    subresources: tuple[Subresource, ...] = ()
    collection: str
    """The collection of its objects; the versions of a resource share one, and so do the two groups of events."""
    custom: bool = False
    """True: a CustomResourceDefinition made it; the items of its lists then say their kind."""

    @property
    def has_status(self) -> bool:
        """Tell if the status is written on a path of its own."""
        return any(sub.name == "status" for sub in self.subresources)

    @property
    def counts_generations(self) -> bool:
        """Tell if its objects count the changes of their spec in ``metadata.generation``."""
        return self.custom or (self.has_status and self.collection not in _WITHOUT_GENERATION)

    @property
    def list_kind(self) -> str:
        """The kind of its lists."""
        return f"{self.kind}List"

    @property
    def head(self) -> bytes:
        """The start of each of its objects, to be followed by the object's other members."""
        if self.custom:  # the real server writes these in alphabetical order
            return f'{{"apiVersion":"{self.api_version}","kind":"{self.kind}",'.encode()
        return f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",'.encode()


def custom_resources(definition: Mapping[str, Any]) -> Iterator[Served]:
    """List the resources that a CustomResourceDefinition makes: one for each version that is served."""
    spec = definition["spec"]
    names = spec["names"]
    for version in spec["versions"]:
        if version.get("served", True):
            has_status = "status" in version.get("subresources", {})
            yield Served(
                group=spec["group"],
                version=version["name"],
                plural=names["plural"],
                kind=names["kind"],
                namespaced=spec["scope"] == "Namespaced",
                singular=names.get("singular") or names["kind"].lower(),
                short_names=tuple(names.get("shortNames", ())),
                categories=tuple(names.get("categories", ())),
                verbs=CUSTOM_VERBS,
                subresources=(Subresource(name="status"),) if has_status else (),
                collection=f"{names['plural']}.{spec['group']}",
                custom=True,
            )


def _priority(version: str) -> tuple[int, int, int, str]:
    """Sorts versions as Kubernetes prefers them: v2, v1, v1beta2, v1alpha1, then anything else by name."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if match is None:
        return (1, 0, 0, version)
    major, stage, minor = match.groups()
    rank = {None: 2, "beta": 1, "alpha": 0}[stage]
    return (0, -rank, -int(major) * 1000 - int(minor or 0), "")


@dataclass
class Registry:
    """All resources of one server; a CustomResourceDefinition adds some while it runs."""

    resources: list[Served]
    stale: set[tuple[str, str]] = field(default_factory=set)
    """Groups and versions whose own API server does not respond: discovery names them and knows no more."""

    def groups(self) -> dict[str, list[str]]:
        """List the versions of each group, the preferred one first; the core group is ``""``."""
        groups: dict[str, list[str]] = {}
        for group, version in [*((r.group, r.version) for r in self.resources), *sorted(self.stale)]:
            versions = groups.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return {group: sorted(versions, key=_priority) for group, versions in groups.items()}

    def of(self, group: str, version: str) -> list[Served]:
        """List the resources of one version of a group, by name."""
        here = (r for r in self.resources if (r.group, r.version) == (group, version))
        return sorted(here, key=lambda r: r.plural)

    def at(self, group: str, version: str, plural: str) -> Served | None:
        """Find the resource at a path, if it is served."""
        wanted = (group, version, plural)
        return next((r for r in self.resources if (r.group, r.version, r.plural) == wanted), None)

    def find(self, name: str) -> Served:
        """Find the resource that kubectl would take for a name, in its preferred version.

        :param name: for example ``"pods"``, ``"deployments.apps"``, ``"po"``.
        :raises LookupError: nothing served has that name.
        """
        for resource in sorted(self.resources, key=lambda r: _priority(r.version)):
            if name in (resource.name, resource.plural, resource.singular, *resource.short_names):
                return resource
        raise LookupError(f"this server serves no {name!r}; it serves {', '.join(r.name for r in self.resources)}")

    def add(self, resources: Iterable[Served]) -> None:
        """Serve more."""
        self.resources.extend(resources)

    def remove(self, collection: str) -> None:
        """Serve a custom resource no longer, in none of its versions."""
        self.resources = [r for r in self.resources if not (r.custom and r.collection == collection)]
