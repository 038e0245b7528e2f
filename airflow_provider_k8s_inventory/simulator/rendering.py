"""How stored objects become JSON in an answer: one object, a list, an event of a watch; whole or metadata only.

Bytes are joined, never parsed and written again: this is what lets one thread serve 100,000 pods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from airflow_provider_k8s_inventory.simulator.listing import Part
from airflow_provider_k8s_inventory.simulator.negotiation import Form
from airflow_provider_k8s_inventory.simulator.objects import Entry, encode
from airflow_provider_k8s_inventory.simulator.served import Served

_PIECE: Final = 1 << 20
"""About how many bytes are joined at once."""
_PARTIAL: Final = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":'
_LIST_KIND: Final = b'"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1"'


def one(served: Served, entry: Entry, form: Form = "object") -> bytes:
    """One object, with its kind."""
    if form == "metadata":
        return _PARTIAL + entry.metadata + b"}"
    return served.head + entry.body[1:]


def _items(served: Served, entries: list[Entry], form: Form) -> list[bytes]:
    """The objects of a list: the real server names the kind in items of custom resources, not of built-in ones."""
    if form == "metadata" or served.custom:
        return [one(served, entry, form) for entry in entries]
    return [entry.body for entry in entries]


def list_of(served: Served, part: Part, form: Form = "object") -> tuple[int, Iterator[bytes]]:
    """One page of a list: its size in bytes, and its pieces."""
    metadata: dict[str, Any] = {"resourceVersion": str(part.version)}
    if part.token:
        metadata["continue"] = part.token
    if part.remaining:
        metadata["remainingItemCount"] = part.remaining
    kind = f'"kind":"{served.list_kind}","apiVersion":"{served.api_version}"'.encode()
    head = b"{" + (_LIST_KIND if form == "metadata" else kind) + b',"metadata":' + encode(metadata) + b',"items":['
    items = _items(served, part.entries, form)
    size = len(head) + sum(map(len, items)) + max(0, len(items) - 1) + len(b"]}")
    return size, _pieces(head, items, size)


def _pieces(head: bytes, items: list[bytes], size: int) -> Iterator[bytes]:
    count = max(1, len(items) * _PIECE // size)
    for start in range(0, len(items), count):
        yield (head if start == 0 else b",") + b",".join(items[start : start + count])
    yield b"]}" if items else head + b"]}"


def event(type_: str, document: bytes) -> bytes:
    """One line of a watch."""
    return b'{"type":"' + type_.encode() + b'","object":' + document + b"}\n"


def bookmark(served: Served, version: int, form: Form, *, initial_events_end: bool = False) -> bytes:
    """The line of a watch that says: everything up to this resourceVersion has been sent."""
    metadata: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
    if initial_events_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    head = served.head + b'"metadata":' if form == "object" else _PARTIAL
    return event("BOOKMARK", head + encode(metadata) + b"}")
