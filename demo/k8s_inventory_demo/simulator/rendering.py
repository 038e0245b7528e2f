"""Render stored objects as a response: one object, a list, an event of a watch; whole or metadata only.

Bytes are joined, never parsed and written again: this is what lets one thread serve 100,000 pods. What protobuf looks
like is in `protobuf`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from k8s_inventory_demo.simulator import protobuf
from k8s_inventory_demo.simulator.listing import Part
from k8s_inventory_demo.simulator.negotiation import Form
from k8s_inventory_demo.simulator.objects import Entry, encode
from k8s_inventory_demo.simulator.served import Served

_PIECE: Final = 1 << 20
"""About how many bytes are joined at once."""
_PARTIAL: Final = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":'


def one(served: Served, entry: Entry, form: Form = "object") -> bytes:
    """One object, with its kind."""
    if form.endswith("/unmanaged"):
        entry = entry.unmanaged
    if form.startswith("metadata"):
        return _PARTIAL + entry.metadata + b"}"
    return served.head + entry.body[1:]


def list_of(served: Served, part: Part, form: Form = "object") -> tuple[int, Iterator[bytes]]:
    """One page of a list: its size in bytes, and its pieces.

    :raises msgspec.ValidationError: protobuf cannot hold it.
    """
    if form == "metadata/protobuf":
        items, between = [entry.protobuf for entry in part.entries], b""
        head, tail = protobuf.around(part.version, part.token, part.remaining, sum(map(len, items)))
    else:
        items, between = _items(served, part, form), b","
        head, tail = _around(served, part, form)
    size = len(head) + sum(map(len, items)) + max(0, len(items) - 1) * len(between) + len(tail)
    return size, _pieces(head, items, between, tail, size)


def _items(served: Served, part: Part, form: Form) -> list[bytes]:
    if form.startswith("object") and not served.custom:
        return [entry.body if form == "object" else entry.unmanaged.body for entry in part.entries]
    return [one(served, entry, form) for entry in part.entries]


def _around(served: Served, part: Part, form: Form) -> tuple[bytes, bytes]:
    """Write what comes before and after the items, in the real server's order: alphabetical for custom resources."""
    metadata: dict[str, Any] = {"resourceVersion": str(part.version)}
    if part.token or (served.custom and form.startswith("object")):
        metadata["continue"] = part.token
    if part.remaining:
        metadata["remainingItemCount"] = part.remaining
    if form.startswith("object") and served.custom:
        document = {"apiVersion": served.api_version, "items": [], "kind": served.list_kind, "metadata": metadata}
    else:
        kind, api_version = served.list_kind, served.api_version
        if form.startswith("metadata"):
            kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        document = {"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": []}
        if form.startswith("metadata") and not part.entries:
            # The real server appends to none: asPartialObjectMetadataList in
            # https://github.com/kubernetes/apiserver/blob/master/pkg/endpoints/handlers/response.go
            return encode(document | {"items": None}), b""
    before, after = encode(document).split(b"[]")
    return before + b"[", b"]" + after


def _pieces(head: bytes, items: list[bytes], between: bytes, tail: bytes, size: int) -> Iterator[bytes]:
    count = max(1, len(items) * _PIECE // size)
    for start in range(0, len(items), count):
        yield (between if start else head) + between.join(items[start : start + count])
    yield tail if items else head + tail


def event(type_: str, document: bytes) -> bytes:
    """One line of a watch."""
    return b'{"type":"' + type_.encode() + b'","object":' + document + b"}\n"


def bookmark(served: Served, version: int, form: Form, *, initial_events_end: bool = False) -> bytes:
    """Write the line of a watch that says: everything up to this resourceVersion has been sent."""
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if initial_events_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    head = served.head + b'"metadata":' if form.startswith("object") else _PARTIAL
    return event("BOOKMARK", head + encode(metadata) + b"}")
