"""CustomResourceDefinitions: which kinds a cluster was taught. Their instances are kept by `custom`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, computed, resource, text, texts
from airflow_provider_k8s_inventory.resources.shared import Condition, holds

_VERSION: Final = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


class PrinterColumn(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One entry of ``additionalPrinterColumns``."""

    name: str = ""
    type: str = ""
    format: str = ""
    json_path: str = ""
    description: str = ""
    priority: int = 0


class Field(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The schema of one field, as far as it tells what a column can hold."""

    type: str = ""
    format: str = ""


class Fields(msgspec.Struct, frozen=True):
    """The schema of an object."""

    properties: dict[str, Field] | None = None


class Parts(msgspec.Struct, frozen=True):
    """The schemas of what an instance has beside its metadata."""

    spec: Fields = Fields()
    status: Fields = Fields()


class Root(msgspec.Struct, frozen=True):
    """The schema of an instance."""

    properties: Parts = Parts()


class Schema(msgspec.Struct, frozen=True, gc=False):
    """The schema of a version."""

    root: Root = msgspec.field(name="openAPIV3Schema", default=Root())


class Version(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of ``spec.versions``."""

    name: str = ""
    served: bool = False
    storage: bool = False
    deprecated: bool = False
    additional_printer_columns: list[PrinterColumn] | None = None
    schema: Schema = Schema()


def _versions(versions: list[Version] | None) -> tuple[list[str], str | None, list[str]]:
    """Tell the versions that are served, the one objects are stored in, and those of the first that are deprecated."""
    stored = next((version.name for version in versions or () if version.storage), None)
    served = [version for version in versions or () if version.served]
    return [each.name for each in served], stored, [each.name for each in served if each.deprecated]


def _columns(versions: list[Version] | None) -> tuple[str, str]:
    """Tell what is printed of the version that is read, and its plain fields."""
    read = max((version for version in versions or () if version.served), key=_priority, default=Version())
    root = read.schema.root.properties
    fields = {"spec": _scalars(root.spec), "status": _scalars(root.status)}
    return _written(read.additional_printer_columns or []), _written(fields)


def _priority(version: Version) -> tuple[int, ...]:
    """Rank a version as discovery does: the latest stable one first.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority
    """
    found = _VERSION.fullmatch(version.name.lower())
    if not found:
        return (-1,)
    return ({None: 2, "beta": 1, "alpha": 0}[found[2]], int(found[1]), int(found[3] or 0))


def _scalars(schema: Fields) -> Mapping[str, Field]:
    return {name: field for name, field in (schema.properties or {}).items() if field.type in _SCALARS}


def _written(value: object) -> str:
    return msgspec.json.encode(value).decode()


DEFINITION = resource(
    "apiextensions.k8s.io/v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    text("group_name", "spec.group"),
    text("kind", "spec.names.kind"),
    text("plural", "spec.names.plural"),
    text("scope", "spec.scope", "spec.scope: Namespaced or Cluster"),
    texts("short_names", "spec.names.shortNames[]"),
    computed(
        _versions,
        at("spec.versions", list[Version]),
        served_versions=("text[]", "The names of spec.versions that are served"),
        storage_version=("text", "The name of the version objects are stored in"),
        deprecated_versions=("text[]", "The names of served_versions that are deprecated"),
    ),
    texts("stored_versions", "status.storedVersions[]", "status.storedVersions: objects were ever stored in them"),
    computed(
        _columns,
        at("spec.versions"),
        printer_columns=("jsonb", "What kubectl prints of the version that the cluster prefers"),
        fields=("jsonb", "The type and format of each scalar field right below spec and status of that version"),
    ),
    computed(
        partial(holds, type_="Established"),
        at("status.conditions", list[Condition]),
        established=("boolean", "Whether the API server serves it"),
    ),
    problems.by_conditions({"NamesAccepted": "False", "Established": "False"}, "ShortNamesConflict, Installing"),
    name="crds",
    short=("crd",),
    namespaced=False,
)
