"""What changes all the time and means nothing: no history is written of a change that is nothing else.

Beside the rules of all resources, which are here, declarations have some of their own, and users add theirs in
`histories`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.model import Definition
from airflow_provider_k8s_inventory.resources import paths, shared, steps
from airflow_provider_k8s_inventory.resources.steps import EACH, Step

COMMON: Final = (
    "metadata.resourceVersion",
    "metadata.managedFields",
    "metadata.generation",
    "status.observedGeneration",
    *(f"metadata.annotations['{annotation}']" for annotation in shared.COPIES),
    # Leader elections that hold no Lease renew theirs every two seconds.
    # https://github.com/kubernetes/client-go/blob/v0.23.0/tools/leaderelection/resourcelock/interface.go
    "metadata.annotations['control-plane.alpha.kubernetes.io/leader']",
    "metadata.annotations['cluster-autoscaler.kubernetes.io/last-updated']",
    "status.conditions[*].lastHeartbeatTime",
    "status.conditions[*].lastProbeTime",
    "status.conditions[*].lastTransitionTime",
    "status.conditions[*].lastUpdateTime",
    "status.conditions[*].observedGeneration",
)
"""The rules of all resources, as people write them."""

_SINCE: Final = "problem_since"
"""The column that repeats the time of a condition, and is computed of all that conditions say."""
_SHARED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "namespace": ("metadata.namespace",),
        "name": ("metadata.name",),
        "labels": ("metadata.labels",),
        "annotations": ("metadata.annotations",),
        "owner_kind": ("metadata.ownerReferences",),
        "owner_name": ("metadata.ownerReferences",),
        "owner_uid": ("metadata.ownerReferences",),
        "resource_version": ("metadata.resourceVersion",),
        "created_at": ("metadata.creationTimestamp",),
        "deletion_timestamp": ("metadata.deletionTimestamp",),
    }
)
"""The paths that the columns of all tables are read from."""
_COPIES: Final = ("labels", "annotations")


class Noise:
    """The rules of one resource.

    A rule hides the place it names and all below it, and nothing else.
    """

    def __init__(self, definition: Definition, rules: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        """Take the rules.

        :param definition: the resource.
        :param rules: the paths, as people write them; none: nothing is noise.
        :param names: globs of the names of objects whose updates are noise.
        """
        self._root: dict[Step, Any] = {}
        """The steps of the rules; the last one of each has nothing below."""
        for rule in rules:
            self._add(parsed(rule))
        self._names = tuple(names)
        reads = {**_SHARED, **definition.reads}
        if _SINCE in reads:
            reads[_SINCE] = ("status.conditions[].lastTransitionTime",)
        copies = {**{name: _SHARED[name][0] for name in _COPIES}, **definition.copies}
        self.copies: Mapping[str, tuple[Step, ...]] = {name: _steps(path) for name, path in copies.items()}
        """The path of what a column of JSON repeats, by the name of the column: what differs in there may be noise."""
        self._columns = frozenset(self._hidden(definition, reads))

    def hides(self, path: Sequence[Step]) -> bool:
        """Tell if what differs at a path is noise.

        :param path: the names of members and the indexes of items, from the whole object on.
        """
        return _covers(self._root, path, 0)

    def hides_some_of(self, place: Sequence[Step]) -> bool:
        """Tell if a rule may hide what differs at a place, or below it.

        :param place: a path as `copies` has them.
        """
        return _reaches(self._root, place)

    def hides_column(self, name: str) -> bool:
        """Tell if a column is noise whatever it says: all that it is read from is."""
        return name in self._columns

    def hides_object(self, name: str | None, namespace: str | None = None) -> bool:
        """Tell if an object changes all the time, so that no update of it is worth keeping."""
        return name is not None and any(fnmatchcase(name, glob) for glob in self._names)

    def _add(self, rule: tuple[Step, ...]) -> None:
        node = self._root
        *above, last = rule
        for step in above:
            known = node.get(step)
            if known == {}:  # a rule for all of it is there
                return
            node = node.setdefault(step, {})
        node[last] = {}

    def _hidden(self, definition: Definition, reads: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
        if not self._root:
            return
        for column in definition.table.columns:
            if column.stamped or column.generated:
                yield column.name
        for name, read in reads.items():
            if read and all(self.hides(_steps(path)) for path in read):
                yield name


def _covers(node: dict[Step, Any], path: Sequence[Step], start: int) -> bool:
    """Tell if a rule below a node covers the rest of a path."""
    for place in range(start, len(path)):
        each = node.get(EACH)
        if each is not None and (not each or _covers(each, path, place + 1)):
            return True
        found = node.get(path[place])
        if not found:
            return found is not None
        node = found
    return False


def _reaches(node: dict[Step, Any], place: Sequence[Step]) -> bool:
    """Tell if a rule below a node is above a place, at it or below it."""
    if not node or not place:
        return True
    step, *below = place
    nodes = node.values() if step == EACH else [node[each] for each in (step, EACH) if each in node]
    return any(_reaches(each, below) for each in nodes)


@cache
def _steps(declared: str) -> tuple[Step, ...]:
    """Split the path of a declaration: ``spec.containers[].image``."""
    found: list[Step] = []
    for step in declared.split("."):
        found.append(step.removesuffix(paths.EACH))
        if step.endswith(paths.EACH):
            found.append(EACH)
    return tuple(found)


@cache
def parsed(rule: str) -> tuple[Step, ...]:
    """Read a rule: ``status.refreshTime``, ``.data``, ``metadata.annotations["a.b/c"]``.

    :raises UsageError: when it is no path, or one to everything.
    """
    found = steps.parse(rule if rule.startswith((".", "$", "[")) else f".{rule}", f"history: {rule!r}")
    if not found or found[0] == EACH:
        raise UsageError(f"history: {rule!r} would take every change for noise: to keep none, say off")
    return found
