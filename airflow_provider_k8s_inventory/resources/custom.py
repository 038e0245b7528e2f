"""Objects of all resources without a table of their own, custom and built-in ones, in one table.

The definitions of custom resources are kept by `crds`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from airflow_provider_k8s_inventory.model import Column, Definition, Resource
from airflow_provider_k8s_inventory.resources import shared

TABLE = shared.table(
    "k8s_custom_resources",
    "Objects of custom resources, and of built-in ones without a table of their own",
    Column(name="api_group", type="text", comment="The API group; empty: the core group"),
    Column(name="api_version", type="text", comment="The version they were read in"),
    Column(name="kind", type="text", comment="The kind"),
    Column(name="resource", type="text", comment="The resource in full: certificates.cert-manager.io, configmaps"),
    # One object may be served as two resources, as rolebindings of two groups are on OpenShift.
    key=("context_name", "resource", "uid"),
)


def definition(resource: Resource) -> Definition:
    """How objects of a resource without a table of its own are kept.

    :param resource: the resource; its version and kind are known from discovery only.
    """
    return Definition(
        name=resource.name,
        resource=resource,
        table=TABLE,
        type=shared.Object,
        extract=partial(_extract, values=(resource.group, resource.version, resource.kind, resource.name)),
    )


def _extract(_: shared.Object, values: tuple[Any, ...]) -> tuple[Any, ...]:
    return values
