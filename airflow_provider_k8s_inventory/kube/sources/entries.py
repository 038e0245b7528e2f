"""Read one entry of a kubeconfig: its type, its paths, its embedded PEM.

`documents` finds entries in files; `servers` and `users` say what they mean.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec

from airflow_provider_k8s_inventory.exceptions import ScopeError
from airflow_provider_k8s_inventory.kube.sources.documents import Entry
from airflow_provider_k8s_inventory.kube.sources.goyaml import NotYamlError, Unreadable

T = TypeVar("T")

_NAMES_SHOWN: Final = 20
_QUOTES: Final = "text that looks like a number needs quotes; true, false and numbers have none"
_ZEROS: Final[Mapping[Any, Any]] = {str: "", bool: False}


def find(entries: Mapping[str, Entry], name: str, owner: str, kind: str, error: type[ScopeError]) -> Entry:
    """Find the cluster or user that a context names.

    :param owner: the owner, for messages.
    :param kind: ``"cluster"`` or ``"user"``, for messages.
    :raises ScopeError: of the given kind, when there is no such entry.
    """
    if name in entries:
        return entries[name]
    known = ", ".join(map(repr, list(entries)[:_NAMES_SHOWN])) or "none"
    more = f" and {len(entries) - _NAMES_SHOWN} more" if len(entries) > _NAMES_SHOWN else ""
    raise error(f"{owner}: names the {kind} {name!r}, which the kubeconfig does not have; its {kind}s: {known}{more}")


def typed(type_: type[T], entry: Entry, owner: str, error: type[ScopeError]) -> T:
    """Convert an entry to its type; fields we do not know are let be.

    :raises ScopeError: of the given kind, naming the field and never its value.
    """
    if entry.problem:
        raise error(f"{owner}: {entry.source} {entry.problem}")
    try:
        return converted(type_, entry.value)
    except NotYamlError as problem:
        raise error(f"{owner}: {problem}, in {entry.source}") from None
    except msgspec.ValidationError as problem:
        raise error(f"{owner}: {problem}, in {entry.source}; {_QUOTES}") from None


def converted(type_: type[T], value: Any) -> T:
    """Convert a value to a struct, by the rules of Go's JSON: null is the type's zero, also in a list.

    :raises NotYamlError: when a field that we know cannot be read.
    :raises msgspec.ValidationError: when one has not its type. Its message holds types and our names of fields; it
        would quote a value only of an enumeration, and no type here has one.
    """
    return msgspec.convert(_filled(type_, value), type_)


def _filled(type_: Any, value: Any) -> Any:
    """Put zeros in the place of nulls, as far as the type knows them."""
    if isinstance(value, Unreadable):
        raise NotYamlError(value.problem)
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is UnionType:  # `Plugin | None`: null stays null
        return None if value is None else _filled(arguments[0], value)
    if origin is list:
        return [_filled(arguments[0], item) for item in value] if isinstance(value, list) else _zero(value, [])
    if not (origin is dict or (isinstance(type_, type) and issubclass(type_, msgspec.Struct))):
        return _zero(value, _ZEROS.get(type_))
    if not isinstance(value, Mapping):
        return _zero(value, {})
    if None in value:
        raise NotYamlError(value[None].problem)
    if origin is dict:
        return {key: _filled(arguments[1], item) for key, item in value.items()}
    fields = _fields(type_)
    return {key: _filled(fields[key], item) for key, item in value.items() if key in fields and item is not None}


def _zero(value: Any, zero: Any) -> Any:
    return zero if value is None else value


@cache
def _fields(type_: type[msgspec.Struct]) -> Mapping[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(type_)}


def beside(folder: Path | None, path: str) -> str:
    """Resolve a path of a kubeconfig; relative ones are relative to its file."""
    return os.path.normpath(folder / path) if folder and path else path


def embedded(data: str, owner: str, field: str, error: type[ScopeError]) -> str:
    """Decode the text in a ``…-data`` field; what stands around its PEM may be in any encoding.

    :raises ScopeError: of the given kind, when it is not base64.
    """
    try:
        return base64.b64decode("".join(data.split()), validate=True).decode(errors="replace")
    except ValueError:
        raise error(f"{owner}: {field} is not base64 of PEM; write it anew with `kubectl config set`") from None
