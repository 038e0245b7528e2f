"""Gather what a person should know about the objects of one sync: one line for all that have the same in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MOST: Final = 20
"""Lines of one sync: who needs more looks at the objects."""
_LONGEST_NAME: Final = 100
"""Characters of a name; that of an aggregated API may be of any length."""


@dataclass(kw_only=True, slots=True)
class _Remark:
    first: str
    count: int = 1


class Remarks:
    """The remarks on objects and pages of one sync."""

    def __init__(self) -> None:
        self._plain: dict[str, None] = {}
        self._objects: dict[tuple[str, str], _Remark] = {}

    def __iter__(self) -> Iterator[str]:
        """Yield the lines, the first twenty of them; then how many more there are."""
        lines = [*self._plain, *(_line(*key, remark) for key, remark in self._objects.items())]
        yield from lines[:_MOST]
        if len(lines) > _MOST:
            yield f"and {len(lines) - _MOST} more"

    def say(self, line: str) -> None:
        """Add a line of its own."""
        self._plain[line] = None

    def add(self, name: str, has: str, consequence: str) -> None:
        """Add what is odd about an object.

        :param name: the object's, with its namespace.
        :param has: what it has, without anything that is this object's alone.
        :param consequence: what becomes of it.
        """
        if remark := self._objects.get((has, consequence)):
            remark.count += 1
        else:
            first = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
            self._objects[has, consequence] = _Remark(first=first)

    def kept(self) -> dict[tuple[str, str], _Remark]:
        """Copy the remarks on objects, for `restore`."""
        return {key: _Remark(first=remark.first, count=remark.count) for key, remark in self._objects.items()}

    def restore(self, kept: dict[tuple[str, str], _Remark]) -> None:
        """Forget what was added since: the same objects are read again."""
        self._objects = kept


def _line(has: str, consequence: str, remark: _Remark) -> str:
    if remark.count == 1:
        return f"{remark.first} has {has}: {consequence}"
    return f"{remark.count} objects have {has}, for example {remark.first}: {consequence}"
