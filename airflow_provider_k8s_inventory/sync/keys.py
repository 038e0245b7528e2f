"""Name objects: the key of an object's row, and what messages call the object."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import ResponseError, UnprovenError
from airflow_provider_k8s_inventory.kube import nesting, text
from airflow_provider_k8s_inventory.resources.shared import EMPTY, Metadata
from airflow_provider_k8s_inventory.sync import fitting
from airflow_provider_k8s_inventory.sync.salvaging import UNREADABLE


class _Identity(msgspec.Struct, frozen=True, gc=False):
    """The fields that tell an object from others."""

    uid: str | None = None
    name: str | None = None
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else f"{self.name}"


class _Identified(msgspec.Struct, frozen=True, gc=False):
    metadata: _Identity = _Identity()


ODD: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading an odd object raises. A UnicodeDecodeError is a ValueError."""

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_IDENTITY: Final = msgspec.json.Decoder(_Identified)
_NAMED: Final = msgspec.json.Decoder(_Identity)


def key(uid: str) -> str:
    """Make the key that PostgreSQL's index can hold of a uid."""
    return f"sha256:{sha256(uid.encode()).hexdigest()}" if fitting.is_long(uid) else uid


def uid_of(item: msgspec.Raw) -> str:
    """Read the key of the row of an object.

    :raises ResponseError: when it is not an object of Kubernetes.
    :raises UnprovenError: when it has no uid, and so nothing tells it from another one of its name.
    """
    try:
        metadata = text.decode(_IDENTITY, fitting.sanitize(item)[0]).metadata
    except ODD as error:
        raise ResponseError(f"an object that changed is not an object of Kubernetes: {error}") from error
    if not metadata.uid:
        raise UnprovenError(f"{metadata} has no uid: what became of it cannot be told")
    return key(metadata.uid)


def name_of(item: bytes | msgspec.Raw) -> str | None:
    """Read the name and namespace of an object, when they can be read."""
    with suppress(*ODD):
        outer, inner = nesting.fold(bytes(item), 1)
        metadata = nesting.unfold(_MEMBERS.decode(outer).get("metadata", EMPTY), inner)
        identity = text.decode(_NAMED, metadata)
        if identity.name:
            return str(identity)
    return None


def where(metadata: Metadata) -> str:
    """Name an object by what could be read of its metadata."""
    known: list[Any] = [metadata.name, metadata.namespace, metadata.uid]
    name, namespace, uid = (None if each is UNREADABLE else each for each in known)
    return str(_Identity(name=name or uid, namespace=namespace))
