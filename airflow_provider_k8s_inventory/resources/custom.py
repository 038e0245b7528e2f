"""Objects of all resources without a table of their own, custom and built-in ones, in one table.

The definitions of custom resources are kept by `crds`.
"""

from __future__ import annotations

from typing import Final

from airflow_provider_k8s_inventory.model import Definition, Resource
from airflow_provider_k8s_inventory.resources import shared
from airflow_provider_k8s_inventory.resources.declare import Part, computed, define


def _part(*values: str) -> Part:
    return computed(
        lambda: values,
        api_group=("text", "The API group; empty: the core group"),
        api_version=("text", "The version they were read in"),
        kind=("text", "The kind"),
        resource=("text", "The resource in full: certificates.cert-manager.io, configmaps"),
    )


TABLE: Final = shared.table(
    "k8s_custom_resources",
    "Objects of custom resources, and of built-in ones without a table of their own",
    *_part().columns,
    # One object may be served as two resources, as rolebindings of two groups are on OpenShift.
    key=("context_name", "resource", "uid"),
)


DEFINITIONS: Final = "crds"
"""The resource whose objects define the others."""


def definition(resource: Resource) -> Definition:
    """Say how objects of a resource without a table of its own are kept.

    :param resource: the resource; its version and kind are known from discovery only.
    """
    part = _part(resource.group, resource.version, resource.kind, resource.name)
    return define(resource.name, resource, TABLE, [part])
