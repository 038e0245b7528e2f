"""Make the text of an object as its row stores it: with its type, which lists leave out, and without noise.

Where there is no doubt about its bytes, managedFields are cut out of them, and the rest stays as it is. JSON that is
written in another way than Kubernetes writes it is decoded, and encoded again. For a pod of 5 kB with 2 kB of
managedFields (``tests/benchmarks/pods.py``) that takes 13 us, and the cut 8 us.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.kube import nesting
from airflow_provider_k8s_inventory.model import Resource
from airflow_provider_k8s_inventory.resources.shared import COPIES, EMPTY, Object

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL: Final = b"null"

_NOISE: Final = b"managedFields"
_BEFORE: Final = b',"'
_AFTER: Final = b'":'
_COPY: Final = re.compile(rb"/(?:last-|original|applied)")
"""A part of each of `COPIES`. To look for each takes five times as long, as slashes are few."""
_ESCAPED_SLASH: Final = rb"\u002"
_UNSURE: Final = re.compile(rb"\\u00(?:00|[4-7])")
"""Escapes of letters, which may spell a name, and of NUL, which PostgreSQL cannot hold. Go escapes no letters; it does
escape ``<``, ``>`` and ``&``: https://pkg.go.dev/encoding/json#Marshal"""


def without_noise(item: bytes, managed: bytes) -> bytes | None:
    """Cut ``metadata.managedFields`` out of the bytes of an object.

    :param item: a JSON object, which the decoder took.
    :param managed: the value of ``metadata.managedFields`` as it is written there, of several the last one; empty when
        there is none.
    :returns: None when its bytes do not tell for sure: it has escapes that may hide a name, or are what PostgreSQL
        cannot hold; the name stands elsewhere too; or it is written in another way than Kubernetes does.
    """
    start = item.find(_NOISE)
    if (start >= 0) != bool(managed):
        return None
    rest = _cut(item, start, managed) if managed else item
    # To look for one byte takes a tenth of a search for an escape, and most objects have none.
    return None if rest is None or (b"\\" in rest and _UNSURE.search(rest)) else rest


def _cut(item: bytes, start: int, value: bytes) -> bytes | None:
    """Cut a member that is not the first one of its object.

    What stands in quotes between a comma and a colon is a name, and no part of a text, in which quotes are escaped. As
    there is no other such name, it is the one that was found in the metadata.
    """
    begin, name_end = start - len(_BEFORE), start + len(_NOISE)
    value_start = name_end + len(_AFTER)
    end = value_start + len(value)
    if (
        item[max(0, begin) : start] == _BEFORE
        and item[name_end:value_start] == _AFTER
        and item.startswith(value, value_start)
        and item.find(_NOISE, end) < 0
    ):
        return item[:begin] + item[end:]
    return None


class Texts:
    """Make the texts of one resource's objects."""

    def __init__(self, resource: Resource, hidden: Iterable[str] = ()) -> None:
        self._hidden = frozenset(hidden)
        kind, api_version = map(msgspec.json.encode, (resource.kind, resource.api_version))
        self._type = {"kind": msgspec.Raw(kind), "apiVersion": msgspec.Raw(api_version)}
        self._opening = b'{"kind":%s,"apiVersion":%s,' % (kind, api_version)

    def of(self, rest: bytes, decoded: Object) -> str:
        """Return the text of an object that is as it should be.

        :param rest: the object without managedFields, and with metadata.
        :param decoded: the same.
        :raises ValueError: when it is nested too deeply, or not UTF-8.
        """
        if self._hidden or _has_copies(bytes(decoded.metadata.annotations)):
            return self.encoded(rest)
        if nesting.is_deep(rest):
            raise ValueError("nested too deeply")
        # Of two members of one name, PostgreSQL takes the last one, as the decoder does.
        typed = decoded.kind is not None and decoded.api_version is not None
        return (rest if typed else self._opening + rest[1:]).decode()

    def encoded(self, item: bytes | msgspec.Raw) -> str:
        """Return the text of any object, by decoding and encoding what must be known of it.

        :raises ValueError: when it is nested too deeply; RecursionError and msgspec's errors as well.
        """
        members = self._type | _MEMBERS.decode(item)
        for name in self._hidden & members.keys():
            del members[name]
        metadata = _MEMBERS.decode(members.get("metadata", EMPTY))
        metadata.pop("managedFields", None)
        if "annotations" in metadata:
            metadata["annotations"] = quiet(metadata["annotations"])
        members["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
        stored = msgspec.json.encode(members)
        if nesting.is_deep(stored):
            raise ValueError("nested too deeply")
        return stored.decode()


def quiet(raw: msgspec.Raw) -> msgspec.Raw:
    """Leave out of annotations what is only noise."""
    held = bytes(raw)
    if not _has_copies(held) or not held.startswith(b"{"):
        return raw
    kept = _MEMBERS.decode(raw)
    for name in COPIES:
        kept.pop(name, None)
    return msgspec.Raw(msgspec.json.encode(kept))


def _has_copies(annotations: bytes) -> bool:
    """Tell if some of `COPIES` may be among annotations."""
    if _COPY.search(annotations):
        return True
    return b"\\" in annotations and _ESCAPED_SLASH in annotations


def string_map(raw: msgspec.Raw) -> str:
    """Return the text of a map of strings; readers of its column may count on an object.

    :raises ValueError: when it is something else.
    """
    held = value(raw)
    if held is None:
        return "{}"
    if not held.startswith("{"):
        raise ValueError("no JSON object")
    return held


def value(raw: msgspec.Raw) -> str | None:
    """Return the text of a value; None of null."""
    held = bytes(raw)
    return None if held == _NULL else held.decode()
