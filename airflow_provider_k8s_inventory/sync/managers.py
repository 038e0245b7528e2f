"""Tell who changed an object: the manager that metadata.managedFields name for what changed.

Each entry has the fields that its manager set, and when it last changed one of them
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management). Nothing there tells who deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.sync.patches import Path

_STATUS: Final = "status"
_ANSWERS: Final = ("metadata", _STATUS)
_FIELD: Final = "f:"
_KEYED: Final = "k:"
_VALUE: Final = "v:"


class Manager(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of managedFields."""

    manager: str = ""
    time: str = ""
    subresource: str = ""
    fields_v1: msgspec.Raw = msgspec.field(name="fieldsV1", default=msgspec.Raw(b"null"))
    """The fields that it set, as JSON: most entries are older than the change, and need not be decoded."""

    @property
    def fields(self) -> Any:
        """The fields, decoded; None: they cannot be."""
        return _decoded(bytes(self.fields_v1))


_TIMES: Final = re.compile(rb'"time":"([^"]*)"')
_EACH: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENTRIES: Final = msgspec.json.Decoder(list[Manager] | None)


def recent(managed: bytes, since: str) -> str | None:
    """Return the entries of managedFields of some time or later, as JSON; None: there is none.

    Whoever changed an object since then has such an entry. Most objects have none, and of others all entries are a
    third of the object: nothing to stage for nothing.

    :param managed: their JSON.
    :param since: a time as API servers write it.
    :raises UnicodeDecodeError: when they are no UTF-8.
    """
    earliest = since.encode()
    if not _is_recent(managed, earliest):
        return None
    try:
        entries = map(bytes, _EACH.decode(managed))
    except msgspec.DecodeError:
        return None
    return "[" + ",".join(entry.decode() for entry in entries if _is_recent(entry, earliest)) + "]"


def _is_recent(managed: bytes, earliest: bytes) -> bool:
    return any(time >= earliest for time in _TIMES.findall(managed))


def read(managed: str | None) -> Sequence[Manager]:
    """Read managedFields; empty when there are none, or they are not as they should be."""
    if not managed:
        return ()
    try:
        return _ENTRIES.decode(managed) or ()
    except (msgspec.DecodeError, RecursionError):
        return ()


def changer(managers: Sequence[Manager], paths: Iterable[Path], new: Any) -> str | None:
    """Name who changed an object: of those whose fields cover what changed the newest, else the newest.

    What is wanted comes before what is said of it: a controller answers a person's change of ``spec`` by annotations
    and a status, before a sync sees either. Nobody's fields cover what was removed; who writes the status alone did not
    remove it from elsewhere.

    :param managers: the entries of the new object since the old one was seen.
    :param paths: what changed.
    :param new: the new object, decoded.
    """
    newest = sorted(managers, key=_time, reverse=True)
    wanted = list(paths)
    for names in (frozenset(path[0] for path in wanted if path) - {*_ANSWERS}, *({name} for name in _ANSWERS)):
        first = [path for path in wanted if path and path[0] in names]
        if not first:
            continue
        may = newest if _STATUS in names else [each for each in newest if each.subresource != _STATUS]
        return next((each.manager for each in [*_covering(may, first, new), *may]), None) or None
    return (newest[0].manager or None) if newest else None


def _covering(managers: Iterable[Manager], paths: Sequence[Path], new: Any) -> Iterator[Manager]:
    for each in managers:
        fields = each.fields
        if any(_covers(fields, path, new) for path in paths):
            yield each


def creator(managers: Sequence[Manager], created_at: str | None) -> str | None:
    """Name who created an object: the first manager of the second in which it was made; None: it has set more since.

    :param created_at: metadata.creationTimestamp.
    """
    made = [each for each in managers if created_at and each.time == created_at and not each.subresource]
    return (made[0].manager or None) if made else None


def _time(manager: Manager) -> str:
    # All are written by one API server, in UTC and to the second.
    return manager.time


def _covers(fields: Any, path: Path, value: Any) -> bool:
    """Tell if a set of fields has the place, something above it that is set whole, or something below it."""
    for step in path:
        if not isinstance(fields, dict):
            return False
        # A field without further ones, or with itself alone, is set whole.
        if not fields or fields.keys() == {"."}:
            return True
        found = _entered(fields, step, value)
        if found is None:
            return False
        fields, value = found
    return True


def _entered(fields: dict[str, Any], step: str | int, value: Any) -> tuple[Any, Any] | None:
    """Go one step down; None: the set does not have it."""
    if isinstance(step, str):
        inner = fields.get(_FIELD + step)
        below = value.get(step) if isinstance(value, dict) else None
        return None if inner is None else (inner, below)
    item = value[step] if isinstance(value, list) and step < len(value) else None
    for name, inner in fields.items():
        if _is_item(name, item):
            return inner, item
    return None


def _is_item(name: str, item: Any) -> bool:
    """Tell if a key such as ``k:{"name":"web"}`` or ``v:"finalizer"`` is that of an item of a list."""
    if name.startswith(_KEYED) and isinstance(item, dict):
        keys = _decoded(name.removeprefix(_KEYED))
        return isinstance(keys, dict) and all(item.get(key) == value for key, value in keys.items())
    if name.startswith(_VALUE):
        return bool(_decoded(name.removeprefix(_VALUE)) == item)
    return False


def _decoded(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
