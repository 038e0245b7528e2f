"""The selections of a run: one for all resources, and others for some of them, as ``pods:app=web`` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.model import EVERYTHING, Selection
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.sync import expanding

_BOUND: Final = re.compile(r"\s*(?P<resource>[A-Za-z0-9][-A-Za-z0-9.]*):(?P<value>.*)", re.DOTALL)
"""No namespace and no label selector has a colon; a field selector may have one in a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selections:
    """The selections of a run."""

    of_all: Selection = EVERYTHING
    of_some: Mapping[str, Selection] = field(default_factory=dict)
    """Those that take its place, by the canonical names of their resources."""

    def of(self, resource: str) -> Selection:
        """Return the selection of a resource.

        Definitions are whole unless somebody names them: the views of custom resources go with them.

        :param resource: its canonical name.
        """
        of_all = self.of_all.widened() if resource == custom.DEFINITIONS else self.of_all
        return self.of_some.get(resource, of_all)

    def check(self, names: Sequence[str]) -> None:
        """Check that each selection of one resource is of one that is synced.

        :param names: all that is asked for: names, globs, groups and exclusions.
        :raises UsageError: when one is not, as far as that can be told without a cluster.
        """
        asked = [resources.asked(name) for name in expanding.checked(names)]
        if not all(each.certain or not expanding.is_name(each.name) for each in asked):
            return
        included = [each.name for each in asked if not expanding.is_exclusion(each.name)]
        for resource in self.of_some:
            if not any(name == resource or expanding.matched([name], [resource]) for name in included):
                raise UsageError(
                    f"a selection is of {resource} alone, which is not among the resources: {', '.join(names)}"
                )


ALL: Final = Selections()
"""All objects of all resources."""


def parse(namespaces: Iterable[str] = (), labels: Iterable[str] = (), fields: Iterable[str] = ()) -> Selections:
    """Read the selections of a run. Each text is for all resources, or behind ``RESOURCE:`` for one in their place.

    :param namespaces: names, globs and exclusions.
    :param labels: label selectors, one for all and one for each resource.
    :param fields: field selectors likewise.
    :raises UsageError: when one cannot be read, or a resource has two selectors.
    """
    asked: dict[str | None, dict[str, Any]] = {None: {}}
    for name, texts, joined in (
        ("namespaces", namespaces, tuple),
        ("labels", labels, _one("label")),
        ("fields", fields, _one("field")),
    ):
        for resource, values in _by_resource(texts).items():
            asked.setdefault(resource, {})[name] = joined(values)
    of_all = Selection(**asked.pop(None))
    return Selections(of_all=of_all, of_some={name: replace(of_all, **asked[name]) for name in asked if name})


def _one(kind: str) -> Callable[[Sequence[str]], str]:
    """Check that there is one selector: two would replace each other's rows, run by run."""

    def joined(values: Sequence[str]) -> str:
        if len(set(values)) > 1:
            raise UsageError(
                f"a resource has one {kind} selector at a time, got {' and '.join(map(repr, values))}: to ask for "
                "both, join them with a comma"
            )
        return values[0]

    return joined


def _by_resource(texts: Iterable[str]) -> dict[str | None, list[str]]:
    found: dict[str | None, list[str]] = {}
    for resource, value in map(_bound, texts):
        found.setdefault(resource, []).append(value)
    return found


def _bound(text: str) -> tuple[str | None, str]:
    """Split a text into the canonical name of the resource it is for, and the rest."""
    bound = _BOUND.fullmatch(text)
    if bound is None:
        return None, text
    asked = resources.asked(bound["resource"])
    if not asked.certain or not expanding.is_name(asked.name):
        raise UsageError(f"{text!r} is for a resource that no cluster is asked for: write its full name, NAME.GROUP")
    return asked.name, bound["value"]
