"""Take out of objects what is not to be kept, by named rules and by paths, before anything else reads them.

A text becomes ``REDACTED``, and what is no text becomes null: keys stay, so that one sees what there was. Columns are
made of what is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.resources.steps import EACH
from airflow_provider_k8s_inventory.resources.steps import parse as parse_steps

REDACTED: Final = "REDACTED"
ENV_VALUES: Final = "env-values"
CONFIG_MAP_VALUES: Final = "configmap-values"
ANNOTATIONS: Final = "annotations:"
KEEPABLE: Final = (CONFIG_MAP_VALUES,)
"""What is kept on request only."""

_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")
_DATA: Final = ("data", "binaryData")
_BOUND: Final = re.compile(r"(?P<resource>[A-Za-z0-9][-A-Za-z0-9.]*):(?P<path>[.$\[].*)", re.DOTALL)
_METADATA: Final = frozenset({"annotations", "labels", "finalizers"})
"""The members of the metadata that no object is told apart by."""
_HELM: Final = "release"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Path:
    """A rule that names a place."""

    written: str
    resource: str | None
    """The canonical name of the only resource it is for; None: it is for all."""
    steps: tuple[Any, ...]

    def apply(self, value: Any, steps: Sequence[Any] | None = None) -> bool:
        """Redact what is at the place; tell if there was anything."""
        step, *rest = self.steps if steps is None else steps
        found = False
        for key in _keys(value, step):
            if rest:
                found |= self.apply(value[key], rest)
            elif value[key] is not None:
                value[key] = REDACTED if isinstance(value[key], str) else None
                found = True
        return found


def _keys(value: Any, step: Any) -> list[Any]:
    """List the keys or places of a value that a step means."""
    if isinstance(value, dict):
        return list(value) if step == EACH else [step] if step in value else []
    if isinstance(value, list):
        places = range(len(value))
        return list(places) if step == EACH else [step] if isinstance(step, int) and step in places else []
    return []


@dataclass(frozen=True, kw_only=True, slots=True)
class Redaction:
    """The rules for the objects of one resource."""

    env_values: bool = False
    config_map_values: bool = False
    helm: bool = False
    annotations: tuple[str, ...] = ()
    paths: tuple[_Path, ...] = ()
    unmatched: set[str] = field(default_factory=set, compare=False, repr=False)
    """The paths that have matched nothing yet."""

    def unmatched_here(self) -> list[str]:
        """List the paths for this resource alone that have matched nothing."""
        return [path.written for path in self.paths if path.resource and path.written in self.unmatched]

    def unmatched_so_far(self) -> list[str]:
        """List the paths for all resources that have matched nothing in this one."""
        return [path.written for path in self.paths if not path.resource and path.written in self.unmatched]

    def __bool__(self) -> bool:
        """Tell if there is anything to do."""
        return bool(self.env_values or self.config_map_values or self.helm or self.annotations or self.paths)

    def apply(self, document: Any) -> None:
        """Redact a decoded object, in place."""
        if self.config_map_values:
            for part in _DATA:
                _blot(document.get(part))
        elif self.helm and _is_helm(document):
            _blot(document.get("data"))
        if self.env_values or self.annotations:
            self._walk(document)
        for path in self.paths:
            if path.apply(document):
                self.unmatched.discard(path.written)

    def _walk(self, value: Any) -> None:
        """Redact what may stand anywhere: pod templates have a pod's spec and metadata, below whatever name."""
        if isinstance(value, list):
            for item in value:
                self._walk(item)
            return
        if not isinstance(value, dict):
            return
        for key, below in value.items():
            if key in _CONTAINERS and self.env_values:
                _blot_environment(below)
            if key == "metadata" and isinstance(below, dict):
                self._blot_annotations(below.get("annotations"))
            self._walk(below)

    def _blot_annotations(self, annotations: Any) -> None:
        for key in annotations if isinstance(annotations, dict) else ():
            if any(fnmatchcase(key, glob) for glob in self.annotations):
                annotations[key] = REDACTED


NOTHING: Final = Redaction()
"""No rules."""


def _blot(values: Any) -> None:
    """Redact all values of a map."""
    for key in values if isinstance(values, dict) else ():
        values[key] = REDACTED


def _blot_environment(containers: Any) -> None:
    for container in containers if isinstance(containers, list) else ():
        variables = container.get("env") if isinstance(container, dict) else None
        for variable in variables if isinstance(variables, list) else ():
            if isinstance(variable, dict) and variable.get("value"):
                variable["value"] = REDACTED


def _is_helm(document: Any) -> bool:
    """Tell if it is a config map in which Helm keeps a release, values and all."""
    metadata, data = document.get("metadata"), document.get("data")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return isinstance(labels, dict) and labels.get("owner") == "helm" and isinstance(data, dict) and _HELM in data


def parse(rules: Iterable[str], canonical: Callable[[str], str]) -> Callable[[str, bool], Redaction]:
    """Read rules.

    :param rules: ``env-values``, ``configmap-values``, ``annotations:GLOB``, a path as ``.spec.token``, or one for one
        resource alone: ``pods:.spec.containers[*].args``.
    :param canonical: gives the one name of a resource.
    :returns: a function that gives the rules for a resource: by its canonical name, and whether the values of config
        maps are to be kept.
    :raises UsageError: when a rule cannot be one.
    """
    rules = tuple(dict.fromkeys(rules))
    annotations = tuple(rule.removeprefix(ANNOTATIONS) for rule in rules if rule.startswith(ANNOTATIONS))
    named = {ENV_VALUES, CONFIG_MAP_VALUES}
    paths = tuple(_path(rule, canonical) for rule in rules if rule not in named and not rule.startswith(ANNOTATIONS))
    if "" in annotations:
        raise UsageError(f"redact: {ANNOTATIONS} needs a glob of annotations: {ANNOTATIONS}example.com/*")

    def for_resource(name: str, keeps_values: bool) -> Redaction:
        own = tuple(path for path in paths if path.resource in (None, name))
        is_config_map = name == "configmaps"
        return Redaction(
            env_values=ENV_VALUES in rules,
            config_map_values=CONFIG_MAP_VALUES in rules and is_config_map,
            helm=keeps_values and is_config_map,
            annotations=annotations,
            paths=own,
            unmatched={path.written for path in own},
        )

    return for_resource


def _path(rule: str, canonical: Callable[[str], str]) -> _Path:
    bound = _BOUND.fullmatch(rule)
    written = bound["path"] if bound else rule
    if not written.startswith((".", "$", "[")):
        raise UsageError(
            f"redact must be {ENV_VALUES}, {CONFIG_MAP_VALUES}, {ANNOTATIONS}GLOB or a path such as "
            f".spec.containers[*].args or pods:.spec.hostname, got {rule!r}"
        )
    steps = parse_steps(written, f"redact: {rule!r}")
    if not steps or steps[0] == EACH or steps[0] in ("apiVersion", "kind"):
        raise UsageError(f"redact: {rule!r} would take what tells objects apart; begin with spec, status or data")
    if steps[0] == "metadata" and (len(steps) < 2 or steps[1] not in _METADATA):
        raise UsageError(
            f"redact: {rule!r} would take what tells objects apart; of the metadata only annotations, labels and "
            "finalizers can be redacted"
        )
    return _Path(written=rule, resource=canonical(bound["resource"]) if bound else None, steps=steps)


def check_kept(keep: Iterable[str]) -> None:
    """Check what is to be kept.

    :raises UsageError: when something is not kept on request.
    """
    for each in keep:
        if each not in KEEPABLE:
            raise UsageError(f"keep must be {' or '.join(KEEPABLE)}, got {each!r}")
