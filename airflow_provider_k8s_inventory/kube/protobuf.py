"""Read a list of metadata in Kubernetes' protobuf form, which costs the API server a third of what JSON costs it.

Only what tells objects and their states apart is read; nothing is written. The messages are in k8s.io/apimachinery,
``pkg/runtime/generated.proto`` (Unknown) and ``pkg/apis/meta/v1/generated.proto``, the encoding in
https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_k8s_inventory.model import MetadataPage, Seen

MAGIC: Final = b"k8s\0"
"""What every message of Kubernetes begins with: k8s.io/apimachinery/pkg/runtime/serializer/protobuf/protobuf.go."""

_RESOURCE_VERSION: Final = 6
_KIND: Final = "PartialObjectMetadataList"
_BYTES: Final = 2
"""The wire type of strings and of messages in messages."""
_VARINT: Final = 0
_FIXED: Final = {1: 8, 5: 4}
"""The lengths of what Kubernetes does not use, and protobuf may."""
_LONGEST_VARINT: Final = 10

Field = tuple[int, int, int]
"""A field's number, where its bytes begin, and where they end."""


def metadata_page(body: bytes) -> MetadataPage:
    """One page of a list of metadata. Its items are read while they are taken: what is next is asked for meanwhile.

    :param body: an answer that begins with `MAGIC`.
    :raises ValueError: when it is something else, or cut off; the items raise it too.
    """
    # Unknown: 1 is its TypeMeta, whose 2 is the kind; 2 the message itself.
    unknown = {number: (start, end) for number, start, end in _fields(body, len(MAGIC), len(body))}
    kind = next((_text(body, *at) for number, *at in _fields(body, *unknown.get(1, (0, 0))) if number == 2), None)
    if kind != _KIND or 2 not in unknown:
        raise ValueError(f"protobuf of kind {kind}")
    items: list[tuple[int, int]] = []
    version = token = ""
    # PartialObjectMetadataList: 1 is its ListMeta, whose 2 is the resourceVersion and 3 the continue token; 2 an item.
    for number, start, end in _fields(body, *unknown[2]):
        if number == 2:
            items.append((start, end))
        elif number == 1:
            about = {which: _text(body, *at) for which, *at in _fields(body, start, end)}
            version, token = about.get(2, ""), about.get(3, "")
    return MetadataPage(
        items=(_seen(body, *item) for item in items),
        count=len(items),
        resource_version=version,
        token=token or None,
        size=len(body),
    )


def _seen(body: bytes, start: int, end: int) -> Seen:
    """A PartialObjectMetadata: 1 is its ObjectMeta, whose 1, 3, 5 and 6 are read."""
    found: dict[int, str] = {}
    for outer, first, last in _fields(body, start, end):
        if outer == 1:
            for number, *at in _fields(body, first, last):
                # Generated code writes fields by their numbers, so nothing that is wanted comes later. If it did,
                # a resourceVersion would be missing, and that is noticed.
                if number > _RESOURCE_VERSION:
                    break
                found[number] = _text(body, *at)
    if not found.get(1):
        raise ValueError("an object without a name")
    return Seen(found.get(5, ""), found.get(3) or None, found[1], found.get(_RESOURCE_VERSION, ""))


def _text(body: bytes, start: int, end: int) -> str:
    text = body[start:end].decode()
    if "\0" in text:  # which PostgreSQL cannot hold
        raise ValueError("NUL in a name")
    return text


def _fields(body: bytes, position: int, end: int) -> Iterator[Field]:
    """The fields of a message that are strings or messages."""
    try:
        while position < end:
            # Most numbers are one byte; to call a function for each costs more than all the rest.
            key, position = (body[position], position + 1) if body[position] < 0x80 else _varint(body, position)
            wire_type = key & 7
            if wire_type == _BYTES:
                start, length = position + 1, body[position]
                if length >= 0x80:
                    length, start = _varint(body, position)
                position = start + length
                yield key >> 3, start, position
            elif wire_type == _VARINT:
                _, position = _varint(body, position)
            elif wire_type in _FIXED:
                position += _FIXED[wire_type]
            else:
                raise ValueError(f"protobuf of wire type {wire_type}")
    except IndexError:
        position = end + 1
    if position > end:
        raise ValueError("protobuf that is cut off")


def _varint(body: bytes, position: int) -> tuple[int, int]:
    """A number, and where the next thing begins."""
    value = 0
    for shift in range(0, _LONGEST_VARINT * 7, 7):
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number of protobuf that does not end")
