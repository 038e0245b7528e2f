"""Build from paths the struct that an object is decoded into.

It has the fields that are read and no others, so the decoder skips the rest of the bytes. The
values are taken out of it in `extracting`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from keyword import iskeyword
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from airflow_provider_k8s_inventory.exceptions import DeclarationError

EACH: Final = "[]"
"""Behind a name of a path: each item of the list there."""


@dataclass(frozen=True, slots=True)
class At:
    """A value of an object: where it is, and what it is."""

    path: str
    """The JSON names; ``[]`` behind one means each item of that list: ``spec.containers[].image``."""
    type: Any = None
    """A struct may be extended by what other paths read below it. None: a struct reads the value already."""
    missing: Any = None
    """The value of objects that have none; where it is None, null is the same as missing."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A read as seen from a node of the object."""

    at: At
    steps: Sequence[str]

    @property
    def key(self) -> str:
        return self.steps[0].removesuffix(EACH)

    @property
    def each(self) -> bool:
        return self.steps[0].endswith(EACH)

    @property
    def type(self) -> Any:
        """The type of the field; of ``names[]`` that of the list."""
        return list[self.at.type] if self.each and self.at.type else self.at.type  # type: ignore[name-defined]

    @property
    def below(self) -> _Read | None:
        return _Read(self.at, self.steps[1:]) if len(self.steps) > 1 else None


def struct(base: type[msgspec.Struct], reads: Iterable[At]) -> type[msgspec.Struct]:
    """Extend a struct by the fields that are read.

    :raises DeclarationError: when two of them exclude each other.
    """
    return _node(base.__name__, base, [_Read(at, at.path.split(".")) for at in reads])


def attribute(type_: type[msgspec.Struct], path: str) -> str:
    """Translate a path to the attributes of decoded objects, as hand-written structs name fields in Python's way.

    :raises DeclarationError: when no field reads the path.
    """
    names: list[str] = []
    known: Any = type_
    for step in path.split("."):
        field = _fields(known).get(step.removesuffix(EACH))
        if field is None:
            raise DeclarationError(f"{path}: no struct reads {step!r}: give at() the type of the value")
        names.append(field.name)
        known = _item(field.type) if step.endswith(EACH) else field.type
    return ".".join(names)


def _node(name: str, base: type[msgspec.Struct] | None, reads: Iterable[_Read]) -> type[msgspec.Struct]:
    """Build the struct of one node of the object; it is the base when that reads all by itself."""
    groups: dict[str, list[_Read]] = {}
    for read in reads:
        if not read.key.isidentifier():
            raise DeclarationError(f"{read.at.path}: {read.key!r} cannot be the name of a field")
        groups.setdefault(read.key, []).append(read)
    known = _fields(base)
    fields = [field for key, group in groups.items() if (field := _field(name, known.get(key), group))]
    if base and not fields:
        return base
    # Objects decoded from JSON have no cycles, so the collector need not visit them.
    options: dict[str, Any] = {"frozen": True, "gc": False, "rename": {_named(key): key for key in groups}}
    return msgspec.defstruct(name, fields, bases=(base or msgspec.Struct,), **options)


def _field(name: str, known: msgspec.structs.FieldInfo | None, group: Sequence[_Read]) -> tuple[str, Any, Any] | None:
    """Define the field of one key; None when the base reads all of it."""
    key, below = group[0].key, [read.below for read in group if read.below]
    type_, missing = _whole(known, [read for read in group if not read.below])
    if not below:
        if known or type_ is None:
            return None
        if type_ is msgspec.Raw and missing is None:
            raise DeclarationError(f"{group[0].at.path}: msgspec reads no Raw that may be None: say what is missing")
        return _named(key), type_ if missing is not None else type_ | None, missing
    each = {read.each for read in group if read.below}
    owner = type_ if each == {False} else _item(type_)
    if len(each) > 1 or (type_ is not None and not _is_struct(owner)):
        paths = ", ".join(sorted({read.at.path for read in group}))
        raise DeclarationError(f"{paths}: of a field only the whole is read, or what is below it, or below its items")
    inner = _node(f"{name}_{key}", owner, below)
    if known and inner is owner:
        return None
    return (_named(key), inner, inner()) if each == {False} else (_named(key), list[inner] | None, None)  # type: ignore[valid-type]


def _named(key: str) -> str:
    """Name the attribute of a key: ``from`` is one in JSON, and cannot be one in Python."""
    return f"{key}_" if iskeyword(key) else key


def _whole(known: msgspec.structs.FieldInfo | None, reads: Iterable[_Read]) -> tuple[Any, Any]:
    """Tell the type of a field that is read whole, and its default; None when only paths below it are read."""
    type_, missing = (_present(known.type), None) if known else (None, None)
    for read in reads:
        if type_ is None:
            type_, missing = read.type, read.at.missing
        elif read.type is not None and (read.type != type_ or (not known and read.at.missing != missing)):
            raise DeclarationError(f"{read.at.path}: it is read in two ways: as {type_} and as {read.type}")
    return type_, missing


@cache
def _fields(type_: Any) -> Mapping[str, msgspec.structs.FieldInfo]:
    """Find the fields of a struct by their JSON names; msgspec evaluates its annotations at each call."""
    return {field.encode_name: field for field in msgspec.structs.fields(type_)} if _is_struct(type_) else {}


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _item(type_: Any) -> Any:
    """Return the type of the items of a list that may be missing."""
    list_ = _present(type_)
    return get_args(list_)[0] if get_origin(list_) is list else None


def _present(type_: Any) -> Any:
    """Return a type without None."""
    if get_origin(type_) in (Union, UnionType):
        return next(option for option in get_args(type_) if option is not type(None))
    return type_
