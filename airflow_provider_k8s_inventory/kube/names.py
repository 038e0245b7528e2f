"""Find the resource that a name means among those that are served, as kubectl does.

kubectl's order: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/client-go/restmapper/shortcut.go
and `discovery.go` beside it. What a cluster serves is asked in `discovery`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from airflow_provider_k8s_inventory.model import Resource

_FAR: Final = 2
"""More edits than these make another word: `ingresses` is 5 from `namespaces`."""
_PREFIX: Final = 3
"""Fewer letters begin too many names."""
_SHOWN: Final = 3


def find(served: Sequence[Resource], name: str, *, whole_groups: bool = False) -> Resource | None:
    """Find the resource that a name means; None: there is none.

    :param served: the core group first, then the groups in discovery's order, each group's preferred version first.
    :param name: a plural, singular, short name or kind, alone, as ``NAME.GROUP`` or as ``NAME.VERSION.GROUP``; the
        start of a group will do, as long as no version is named.
    :param whole_groups: whether the start of a group will not do.
    """
    for reading in _readings(name.lower()):
        for among in _among(served, reading, whole_groups=whole_groups):
            if found := _called(among, reading.word):
                return found
    return None


def nearest(served: Iterable[Resource], name: str) -> list[str]:
    """List the full names of resources that a name is likely to mean, the likeliest first; empty where none is near.

    :param name: as for `find`, in small letters.
    """
    word, _, group = name.partition(".")
    found: dict[str, int] = {}
    for resource in served:
        words = (resource.plural, resource.singular, *resource.short_names)
        steps = min(_steps(word, other) for other in words if other)
        if group and group != resource.group:
            # The same word in a group of another name; how far the group is orders them.
            steps += 1 if _steps(group, resource.group) <= _FAR else _FAR
        if steps <= _FAR and steps < found.get(resource.name, _FAR + 1):
            found[resource.name] = steps
    return sorted(found, key=found.__getitem__)[:_SHOWN]


class _Reading(NamedTuple):
    """One way to read a name."""

    word: str
    version: str | None
    group: str
    """Empty: any."""


def _readings(name: str) -> Iterator[_Reading]:
    word, *rest = name.split(".", 2)
    if len(rest) > 1:
        yield _Reading(word, *rest)
    yield _Reading(word, None, ".".join(rest))


def _among(served: Sequence[Resource], reading: _Reading, *, whole_groups: bool) -> Iterator[list[Resource]]:
    """Yield the resources of the group, then those of groups that begin so."""
    candidates = [resource for resource in served if reading.version in (None, resource.version)]
    if not reading.group:
        yield candidates
        return
    yield [resource for resource in candidates if resource.group == reading.group]
    if reading.version is None and not whole_groups:
        yield [resource for resource in candidates if resource.group.startswith(reading.group)]


def _called(among: Sequence[Resource], word: str) -> Resource | None:
    if not any(resource.plural == word for resource in among):
        # kubectl asks for short names first, but not where the word is a plural.
        for resource in among:
            if word in resource.short_names:
                return resource
    named = next((resource for resource in among if word in (resource.plural, resource.singular)), None)
    return named or next((resource for resource in among if word == resource.kind.lower()), None)


def _steps(word: str, other: str) -> int:
    """Count the edits that make one word of the other, as far as it matters; a start of three letters is two."""
    if len(word) >= _PREFIX and other.startswith(word):
        return _FAR if word != other else 0
    # Of a short word two edits leave nothing: `nodes` is 2 from `pods`.
    limit = min(_FAR, len(word) // 3)
    steps = _distance(word, other) if abs(len(word) - len(other)) <= limit else limit + 1
    return steps if steps <= limit else _FAR + 1


def _distance(word: str, other: str) -> int:
    """Return the Levenshtein distance: insertions, deletions and replacements of letters."""
    row = list(range(len(other) + 1))
    for place, letter in enumerate(word, 1):
        above, row = row, [place]
        for column, beside in enumerate(other):
            row.append(min(row[-1] + 1, above[column + 1] + 1, above[column] + (letter != beside)))
    return row[-1]
