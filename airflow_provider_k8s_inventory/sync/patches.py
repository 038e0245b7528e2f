"""Find what makes the old text of an object of the new one, to the byte.

Both come from jsonb, which writes equal values alike, numbers with their digits. So bytes are compared, and only what
differs is decoded: ``true`` is not 1 then, null is a value, and no number loses a digit. Merge patches (RFC 7386) can
say neither that a member became null nor which item of an array changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

Path = tuple[str | int, ...]
"""The place of a value: the names of members, and indexes of arrays."""

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_DEEP: Final = 100
"""Levels that are entered; what is below is replaced whole. Each takes a frame of Python's stack, which has 1,000."""
_OBJECT, _ARRAY = ord("{"), ord("[")


class Operation(NamedTuple):
    """One step from the new object to the old one."""

    path: Path
    old: msgspec.Raw | None
    """The old value; None: there was none."""
    new: msgspec.Raw | None
    """The new value; None: there is none."""


def reverse(new: bytes, old: bytes) -> list[Operation]:
    """List the steps from a new JSON text to the old one; none when they are the same.

    Arrays of one length are entered, as items of Kubernetes' lists keep their places; others are replaced whole.

    :raises msgspec.DecodeError: when one of them is no JSON.
    """
    found: list[Operation] = []
    _compare((), msgspec.Raw(new), msgspec.Raw(old), found)
    return found


def encode(steps: Iterable[Operation]) -> str:
    """Write steps as the column ``patch`` has them: ``[path, old]``, or ``[path]`` where there was none."""
    written = [[step.path] if step.old is None else [step.path, step.old] for step in steps]
    return msgspec.json.encode(written).decode()


def _compare(path: Path, new: msgspec.Raw, old: msgspec.Raw, found: list[Operation]) -> None:
    if new == old:
        return
    now, was = bytes(new), bytes(old)
    kind = now[0] if now[0] == was[0] and len(path) < _DEEP else None
    if kind == _OBJECT:
        _compare_members(path, _MEMBERS.decode(now), _MEMBERS.decode(was), found)
    elif kind == _ARRAY and len(items := _ITEMS.decode(now)) == len(before := _ITEMS.decode(was)):
        for place, (item, item_before) in enumerate(zip(items, before, strict=True)):
            _compare((*path, place), item, item_before, found)
    else:
        found.append(Operation(path, old, new))


def _compare_members(
    path: Path, new: dict[str, msgspec.Raw], old: dict[str, msgspec.Raw], found: list[Operation]
) -> None:
    found.extend(Operation((*path, name), None, value) for name, value in new.items() if name not in old)
    for name, value in old.items():
        if name not in new:
            found.append(Operation((*path, name), value, None))
        elif new[name] != value:
            _compare((*path, name), new[name], value, found)
