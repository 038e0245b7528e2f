"""CustomResourceDefinitions: which kinds a cluster was taught. Their instances are kept by `custom`."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_k8s_inventory.model import Column, Definition, Resource
from airflow_provider_k8s_inventory.resources import shared


class _Names(msgspec.Struct, frozen=True, rename="camel"):
    kind: str | None = None
    plural: str | None = None
    short_names: list[str] | None = None
    categories: list[str] | None = None


class _Version(msgspec.Struct, frozen=True, gc=False):
    name: str = ""
    served: bool = False
    storage: bool = False


class _Spec(msgspec.Struct, frozen=True):
    group: str | None = None
    scope: str | None = None
    names: _Names = _Names()
    versions: list[_Version] | None = None


class _Status(msgspec.Struct, frozen=True):
    conditions: list[shared.Condition] | None = None


class CustomResourceDefinition(shared.Object, frozen=True):
    """A CustomResourceDefinition, as far as its columns need it."""

    spec: _Spec = _Spec()
    status: _Status = _Status()


def extract(crd: CustomResourceDefinition) -> tuple[Any, ...]:
    """Read a CustomResourceDefinition."""
    spec, versions = crd.spec, crd.spec.versions or ()
    return (
        spec.group,
        spec.names.kind,
        spec.names.plural,
        spec.scope,
        spec.names.short_names or [],
        [version.name for version in versions if version.served],
        next((version.name for version in versions if version.storage), None),
        shared.holds(crd.status.conditions, "Established"),
    )


DEFINITION = Definition(
    name="crds",
    aliases=("crd", "customresourcedefinition", "customresourcedefinitions"),
    resource=Resource(
        group="apiextensions.k8s.io",
        version="v1",
        plural="customresourcedefinitions",
        kind="CustomResourceDefinition",
        namespaced=False,
    ),
    table=shared.table(
        "k8s_crds",
        "CustomResourceDefinitions",
        Column(name="group_name", type="text", comment="spec.group"),
        Column(name="kind", type="text", comment="spec.names.kind"),
        Column(name="plural", type="text", comment="spec.names.plural"),
        Column(name="scope", type="text", comment="spec.scope: Namespaced or Cluster"),
        Column(name="short_names", type="text[]", comment="spec.names.shortNames"),
        Column(name="served_versions", type="text[]", comment="The names of spec.versions that are served"),
        Column(name="storage_version", type="text", comment="The name of the version objects are stored in"),
        Column(name="established", type="boolean", comment="Whether the API server serves it"),
        namespaced=False,
    ),
    type=CustomResourceDefinition,
    extract=extract,
)
