"""The metadata of objects, and lists of it, in Kubernetes' protobuf form, byte for byte as an API server writes them.

Nothing is read but JSON. The bytes are kept in `objects` and become responses in `rendering`. The messages are those of
https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/generated.proto in the order and with the empty
fields of ``generated.pb.go`` beside it: text that is no pointer in Go is written also when there is none.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

# An API server marks each response in protobuf: these four bytes, and a runtime.Unknown around the message.
# https://github.com/kubernetes/apimachinery/blob/master/pkg/runtime/serializer/protobuf/protobuf.go
_MAGIC: Final = b"k8s\0"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO: Final = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time."""


class _Struct(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Any field may be missing or null."""


class _Owner(_Struct, frozen=True, gc=False):
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    api_version: str | None = None
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class _Managed(_Struct, frozen=True, gc=False):
    manager: str | None = None
    operation: str | None = None
    api_version: str | None = None
    time: str | None = None
    fields_type: str | None = None
    fields_v1: msgspec.Raw = msgspec.Raw()
    subresource: str | None = None


class _Metadata(_Struct, frozen=True, gc=False):
    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    self_link: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None
    finalizers: list[str] | None = None
    managed_fields: list[_Managed] | None = None


class _Object(_Struct, frozen=True, gc=False):
    metadata: _Metadata


_decode: Final = msgspec.json.Decoder(_Object).decode


def item(document: bytes) -> bytes:
    """Encode an object's metadata, as an item of a list: a field of a PartialObjectMetadataList.

    :param document: the JSON of the object.
    :raises msgspec.ValidationError: the metadata is not of the types Kubernetes knows.
    """
    return _bytes(2, _bytes(1, _metadata(_decode(document).metadata)))


def around(version: int | str, token: str, remaining: int | None, size: int) -> tuple[bytes, bytes]:
    """Encode what comes before and after the items of a list.

    :param version: the list's resourceVersion.
    :param token: where the next page starts; empty on the last.
    :param remaining: how many objects come after this page; ``None`` when that is not said.
    :param size: of all items, in bytes.
    """
    metadata = _text(1, "") + _text(2, str(version)) + _text(3, token)
    if remaining is not None:
        metadata += _number(4, remaining)
    kind = _text(1, "meta.k8s.io/v1") + _text(2, "PartialObjectMetadataList")
    before = _bytes(1, metadata)
    return _MAGIC + _bytes(1, kind) + _head(2, len(before) + size) + before, _text(3, "") + _text(4, "")


def _metadata(metadata: _Metadata) -> bytes:
    fields = [
        _text(1, metadata.name),
        _text(2, metadata.generate_name),
        _text(3, metadata.namespace),
        _text(4, metadata.self_link),
        _text(5, metadata.uid),
        _text(6, metadata.resource_version),
        _number(7, metadata.generation or 0),
        _bytes(8, _time(metadata.creation_timestamp)),
    ]
    if metadata.deletion_timestamp is not None:
        fields.append(_bytes(9, _time(metadata.deletion_timestamp)))
    if metadata.deletion_grace_period_seconds is not None:
        fields.append(_number(10, metadata.deletion_grace_period_seconds))
    for number, mapping in (11, metadata.labels), (12, metadata.annotations):
        fields += [_bytes(number, _text(1, key) + _text(2, value)) for key, value in sorted((mapping or {}).items())]
    fields += [_bytes(13, _owner(owner)) for owner in metadata.owner_references or ()]
    fields += [_text(14, finalizer) for finalizer in metadata.finalizers or ()]
    fields += [_bytes(17, _managed(managed)) for managed in metadata.managed_fields or ()]
    return b"".join(fields)


def _owner(owner: _Owner) -> bytes:
    written = _text(1, owner.kind) + _text(3, owner.name) + _text(4, owner.uid) + _text(5, owner.api_version)
    for number, flag in (6, owner.controller), (7, owner.block_owner_deletion):
        if flag is not None:
            written += _number(number, flag)
    return written


def _managed(managed: _Managed) -> bytes:
    written = _text(1, managed.manager) + _text(2, managed.operation) + _text(3, managed.api_version)
    if managed.time is not None:
        written += _bytes(4, _time(managed.time))
    written += _text(6, managed.fields_type)
    if fields := bytes(managed.fields_v1):
        written += _bytes(7, _bytes(1, fields))  # JSON within protobuf
    return written + _text(8, managed.subresource)


@lru_cache(maxsize=1024)
def _time(written: str | None) -> bytes:
    """Encode a Timestamp of whole seconds; nothing for no time, and for text that is none.

    The latter as the real server with custom resources, GetCreationTimestamp of
    https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/unstructured/unstructured.go
    """
    try:
        time = datetime.fromisoformat(written or "")
        seconds = (time - _EPOCH) // timedelta(seconds=1)
    except (ValueError, TypeError):  # the second of a time without a zone
        return b""
    return b"" if time == _ZERO else _number(1, seconds) + _number(2, 0)


def _text(number: int, value: str | None) -> bytes:
    encoded = value.encode() if value else b""
    return _head(number, len(encoded)) + encoded


def _bytes(number: int, value: bytes) -> bytes:
    """Encode a field of text, bytes or another message."""
    return _head(number, len(value)) + value


def _number(number: int, value: int) -> bytes:
    """Encode a field of an integer; a negative one takes ten bytes."""
    return _varint(number << 3) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)


@lru_cache(maxsize=8192)
def _head(number: int, size: int) -> bytes:
    """Encode what comes before a value that has a size: its field and the size; most are written many times."""
    return _varint(number << 3 | 2) + _varint(size)


def _varint(value: int) -> bytes:
    """Seven bits to a byte, the last ones first; all but the last byte have their top bit set."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
