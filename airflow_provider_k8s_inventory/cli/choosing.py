"""The contexts and resources that the database knows and that names and globs mean."""

from __future__ import annotations

from fnmatch import fnmatchcase

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UnknownResourceError


def is_context(pattern: str, context_name: str) -> bool:
    """Tell whether a name or glob means a context."""
    return fnmatchcase(context_name, pattern)


def is_resource(pattern: str, resource: str) -> bool:
    """Tell whether a name, alias, glob or group means a resource; a name without API group means any's."""
    wanted = _known(pattern)
    if resources.is_glob(wanted):
        return resources.matches(wanted, resource)
    return any(name in (pattern, wanted) for name in (resource, resource.partition(".")[0]))


def _known(name: str) -> str:
    try:
        return resources.canonical(name)
    except UnknownResourceError:
        return name
