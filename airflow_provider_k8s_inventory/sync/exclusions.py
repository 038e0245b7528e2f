"""Exclusions: what is left out of that which globs and groups of resources mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

from airflow_provider_k8s_inventory import resources

_TWINS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **{
            group: (definition.resource.group,)
            for definition in resources.CATALOGUE.values()
            for group in definition.also_in
        },
        # https://kubernetes.io/docs/reference/using-api/deprecation-guide/
        "extensions": ("apps", "networking.k8s.io", "policy"),
        # OpenShift's own names of the roles of RBAC.
        "authorization.openshift.io": ("rbac.authorization.k8s.io",),
    }
)
"""Groups that serve the objects of other groups once more, under the same plural."""


def twins(name: str) -> list[str]:
    """List the canonical names under which the objects of a resource may be served as well.

    :param name: a full name.
    """
    plural, _, group = name.partition(".")
    full = (f"{plural}.{other}".removesuffix(".") for other in _TWINS.get(group, ()))
    return [resources.FULL_NAMES.get(one, one) for one in full]


class Exclusions:
    """The exclusions among names that were asked for."""

    def __init__(self, names: Iterable[str], meaning: Callable[[str], str]) -> None:
        """Pick the exclusions.

        :param names: all that was asked for.
        :param meaning: gives the canonical name of a name, which is no glob.
        """
        self._globs: dict[str, str] = {}
        self._names: dict[str, str] = {}
        for written in filter(resources.is_exclusion, names):
            name = resources.excluded(resources.asked(written).name)
            if resources.is_glob(name):
                self._globs[name] = written
            else:
                self._names[meaning(name)] = written

    def naming(self, name: str) -> str | None:
        """Return the exclusion that names a resource, as it was written; None: none does."""
        return self._names.get(name)

    def of(self, name: str) -> str | None:
        """Return the exclusion that means a resource, by its name or a glob, as it was written; None: none does.

        :param name: a canonical name.
        """
        globs = (written for glob, written in self._globs.items() if resources.matches(glob, name))
        return self.naming(name) or next(globs, None)

    def rest(self, names: Iterable[str]) -> list[str]:
        """List what is left of what globs mean: also the objects that an excluded resource has twice are left out."""
        return [name for name in names if not (self.of(name) or any(map(self.naming, twins(name))))]

    def cover(self, group: str) -> bool:
        """Tell if all resources of an API group are left out, whatever they are called."""
        return any(glob.startswith("*") and fnmatchcase(f".{group}", glob) for glob in self._globs)
