"""The documents of discovery: aggregated ones, and those that older servers send for each group and version.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """A kind."""

    kind: str = ""


class Item(msgspec.Struct, frozen=True):
    """A resource of a version."""

    resource: str
    scope: str = ""
    # Go writes empty lists as null: a resource of which only subresources are served, as custom.metrics.k8s.io's
    # are, has no verbs of its own.
    verbs: list[str] | None = None
    response_kind: Kind | None = msgspec.field(name="responseKind", default=None)
    singular: str | None = msgspec.field(name="singularResource", default=None)
    short_names: list[str] | None = msgspec.field(name="shortNames", default=None)


class Version(msgspec.Struct, frozen=True):
    """A version of a group."""

    version: str
    resources: list[Item] | None = None
    freshness: str = "Current"


class GroupName(msgspec.Struct, frozen=True):
    """The name of a group."""

    name: str = ""


class Group(msgspec.Struct, frozen=True):
    """A group with its versions; the one that the server prefers comes first."""

    metadata: GroupName = GroupName()
    versions: list[Version] | None = None


class Aggregated(msgspec.Struct, frozen=True):
    """All groups in one response."""

    kind: str
    items: list[Group] | None = None


class LegacyVersion(msgspec.Struct, frozen=True):
    """The name of a version."""

    version: str = ""


class LegacyGroup(msgspec.Struct, frozen=True, rename="camel"):
    """A group and the names of its versions."""

    name: str
    versions: list[LegacyVersion] = []
    preferred_version: LegacyVersion | None = None


class LegacyGroups(msgspec.Struct, frozen=True):
    """The groups, as older servers list them."""

    groups: list[LegacyGroup] | None


class LegacyItem(msgspec.Struct, frozen=True, rename="camel"):
    """A resource or subresource, as older servers list them."""

    name: str
    kind: str = ""
    namespaced: bool = False
    verbs: list[str] | None = None
    singular_name: str | None = None
    short_names: list[str] | None = None


class LegacyResources(msgspec.Struct, frozen=True):
    """The resources of one version, as older servers list them."""

    resources: list[LegacyItem] | None
