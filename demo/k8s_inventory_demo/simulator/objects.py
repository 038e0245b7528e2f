"""One stored object: its bytes, and the few fields by which it is selected.

Bytes come without ``apiVersion`` and ``kind``, as in the lists of built-in resources: the real server leaves them
out there, and whoever serves the object puts them in front (`Served.head`). Many objects make a `collection`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from k8s_inventory_demo.simulator import protobuf

_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
encode: Final = msgspec.json.Encoder().encode
"""Any JSON value as compact bytes."""
decode: Final = msgspec.json.Decoder().decode
"""Any JSON document."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An object as a collection holds it; never changed, only replaced."""

    key: str
    """``namespace/name`` or ``name``: lists are in this order, as etcd's keys are."""
    name: str
    namespace: str
    """``""`` when its resource is cluster-wide."""
    labels: Mapping[str, str]
    phase: str
    """``status.phase``, and below ``spec.nodeName``: what field selectors ask for beside the names."""
    node_name: str
    body: bytes
    _item: bytes = b""
    """The bytes that `protobuf` made; empty until then."""

    @property
    def metadata(self) -> bytes:
        """The bytes of the object's ``metadata``."""
        return bytes(_decode_head(self.body).metadata)

    @property
    def unmanaged(self) -> Entry:
        """The same object without managedFields."""
        members = _decode_members(self.body)
        metadata = _decode_members(members["metadata"])
        metadata.pop("managedFields", None)
        return msgspec.structs.replace(self, body=encode(members | {"metadata": metadata}))

    @property
    def protobuf(self) -> bytes:
        """The metadata as an item of a list in protobuf: made for the first list, and kept for later ones.

        :raises msgspec.ValidationError: the object was taken as it is, and protobuf cannot hold its metadata.
        """
        if not self._item:
            msgspec.structs.force_setattr(self, "_item", protobuf.item(self.body))
        return self._item


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str | None = None
    labels: dict[str, str] | None = None


class _Spec(msgspec.Struct):
    node: str | None = msgspec.field(name="nodeName", default=None)


class _Status(msgspec.Struct):
    phase: str | None = None


class _Head(msgspec.Struct):
    metadata: msgspec.Raw


class _Named(msgspec.Struct):
    metadata: _Metadata


class _Running(_Named):
    spec: _Spec | None = None
    status: _Status | None = None


_decode_head: Final = msgspec.json.Decoder(_Head).decode
_decode_named: Final = msgspec.json.Decoder(_Named).decode
_decode_running: Final = msgspec.json.Decoder(_Running).decode

_WITH_PHASE: Final = frozenset({"pods", "namespaces"})
"""Only these are selected by more than names; other kinds may have anything under spec and status."""


def key_of(namespace: str | None, name: str) -> str:
    """Return the place of an object in its collection."""
    return f"{namespace}/{name}" if namespace else name


def entry_of(collection: str, body: bytes) -> Entry:
    """Read what selection needs from an object's bytes."""
    phase = node_name = ""
    head: _Named
    if collection in _WITH_PHASE:
        head = running = _decode_running(body)
        phase = (running.status and running.status.phase) or ""
        node_name = (running.spec and running.spec.node) or ""
    else:
        head = _decode_named(body)
    metadata = head.metadata
    namespace = metadata.namespace or ""
    return Entry(
        key=key_of(namespace, metadata.name),
        name=metadata.name,
        namespace=namespace,
        labels=metadata.labels or {},
        phase=phase,
        node_name=node_name,
        body=body,
    )


def take_apart(document: bytes | Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, msgspec.Raw]]:
    """Split an object: the metadata as a dictionary, other members as bytes, without ``apiVersion`` and ``kind``."""
    members = _decode_members(document if isinstance(document, bytes) else encode(document))
    metadata = decode(members.pop("metadata"))
    members.pop("apiVersion", None)
    members.pop("kind", None)
    return metadata, members


def put_together(metadata: Mapping[str, Any], members: Mapping[str, msgspec.Raw]) -> bytes:
    """Join what `take_apart` split: the bytes a collection holds."""
    return encode({"metadata": metadata, **members})


def uid_of(*parts: str) -> str:
    """Make a UID that is the same on every start."""
    return str(uuid5(NAMESPACE_URL, "/".join(parts)))
