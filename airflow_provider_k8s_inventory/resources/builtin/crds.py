"""CustomResourceDefinitions: which kinds a cluster was taught. Their instances are kept by `custom`."""

from __future__ import annotations

from functools import partial

import msgspec

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import at, computed, resource, text, texts
from airflow_provider_k8s_inventory.resources.shared import Condition, holds


class Version(msgspec.Struct, frozen=True, gc=False):
    """One entry of ``spec.versions``."""

    name: str = ""
    served: bool = False
    storage: bool = False


def _versions(versions: list[Version] | None) -> tuple[list[str], str | None]:
    """Tell the versions that are served, and the one objects are stored in."""
    stored = next((version.name for version in versions or () if version.storage), None)
    return [version.name for version in versions or () if version.served], stored


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
