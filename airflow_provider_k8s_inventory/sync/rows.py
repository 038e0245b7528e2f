"""Make rows of objects: bytes from a page in, the values of a table's columns out.

What the columns are is declared in `resources`; how rows get into PostgreSQL is in `postgres.loading`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, UnprovenError
from airflow_provider_k8s_inventory.model import Definition, Page
from airflow_provider_k8s_inventory.resources.shared import EMPTY, LAST_APPLIED, Metadata, own_columns


class _Identity(msgspec.Struct, frozen=True, gc=False):
    """What tells an object from others."""

    uid: str | None = None
    name: str | None = None
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else f"{self.name}"


class _Identified(msgspec.Struct, frozen=True, gc=False):
    metadata: _Identity = _Identity()


_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_IDENTITY: Final = msgspec.json.Decoder(_Identified)
_MAX_WARNINGS: Final = 20
_LAST_APPLIED: Final = LAST_APPLIED.encode()
_NULL: Final = b"null"


class RowReader:
    """Reads the objects of one resource, and gathers what a person should know about them."""

    def __init__(self, definition: Definition, *, store_object: bool) -> None:
        self._definition = definition
        self._store_object = store_object
        self._decoder = msgspec.json.Decoder(definition.type)
        self._namespaced = definition.table.namespaced
        self._own = sum(column.extracted for column in own_columns(definition.table))
        self._type = {
            "kind": msgspec.Raw(msgspec.json.encode(definition.resource.kind)),
            "apiVersion": msgspec.Raw(msgspec.json.encode(definition.resource.api_version)),
        }
        self._warnings: list[str] = []
        self._unsaid = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be known; past the first twenty only how many more."""
        more = (f"and {self._unsaid} more",) if self._unsaid else ()
        return (*self._warnings, *more)

    def warn(self, warning: str) -> None:
        """Add something that should be known."""
        if len(self._warnings) < _MAX_WARNINGS:
            self._warnings.append(warning)
        else:
            self._unsaid += 1

    def rows(self, page: Page) -> Iterator[tuple[Any, ...]]:
        """The rows of a page, in the order of `Target.staged`.

        :raises AnswerError: when something in the page is not an object of Kubernetes.
        """
        for warning in page.warnings:
            self.warn(warning)
        if page.replaced:
            self.warn(f"{page.replaced} characters that PostgreSQL cannot hold (NUL, lone surrogates) became U+FFFD")
        for item in page.items:
            try:
                row = self._row(item)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise AnswerError(
                    f"{_called(item)} in the list of {self._definition.name} is not an object of Kubernetes: {error}"
                ) from error
            yield row

    def _row(self, item: msgspec.Raw) -> tuple[Any, ...]:
        metadata, own = self._read(item)
        controller = metadata.controller
        namespace = (metadata.namespace,) if self._namespaced else ()
        return (
            metadata.uid or self._identify(metadata),
            *namespace,
            metadata.name,
            *(_json(value) if isinstance(value, msgspec.Raw) else value for value in own),
            _json(metadata.labels) or "{}",
            _json(_annotations(metadata.annotations)) or "{}",
            controller.kind if controller else None,
            controller.name if controller else None,
            controller.uid if controller else None,
            metadata.resource_version,
            metadata.creation_timestamp,
            metadata.deletion_timestamp,
            self._object(item) if self._store_object else None,
        )

    def _read(self, item: msgspec.Raw) -> tuple[Metadata, tuple[Any, ...]]:
        try:
            decoded = self._decoder.decode(item)
            return decoded.metadata, self._definition.extract(decoded)  # type: ignore[attr-defined]
        except (msgspec.ValidationError, ValueError) as error:
            problem = str(error)
        metadata, odd = _tolerant(item)
        self.warn(
            f"{_where(metadata)} does not look like a {self._definition.resource.kind} ({problem}): "
            f"{''.join(f'what comes of metadata.{name}, ' for name in odd)}its own columns are NULL"
        )
        return metadata, (None,) * self._own

    def _identify(self, metadata: Metadata) -> str:
        """A key for an object without uid: aggregated APIs such as metrics.k8s.io give none."""
        if not metadata.name:
            raise AnswerError(f"an object in the list of {self._definition.name} has neither uid nor name")
        self.warn(f"{_where(metadata)} has no uid: its resource, namespace and name are the key")
        # With the resource, as one table holds many of them.
        return f"{self._definition.resource.name}/{_where(metadata)}"

    def _object(self, item: msgspec.Raw) -> str:
        """The object as it is stored: with its type, which lists leave out, and without what is only noise."""
        members = self._type | _MEMBERS.decode(item)
        metadata = _MEMBERS.decode(members["metadata"])
        metadata.pop("managedFields", None)
        if "annotations" in metadata:
            metadata["annotations"] = _annotations(metadata["annotations"])
        members["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
        return msgspec.json.encode(members).decode()


def uid_of(item: msgspec.Raw) -> str:
    """The UID of an object.

    :raises AnswerError: when it is not an object of Kubernetes.
    :raises UnprovenError: when it has none, and so nothing tells it from another one of its name.
    """
    try:
        metadata = _IDENTITY.decode(item).metadata
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AnswerError(f"an object that changed is not an object of Kubernetes: {error}") from error
    if not metadata.uid:
        raise UnprovenError(f"{metadata} has no uid: what became of it cannot be told")
    return metadata.uid


def _tolerant(item: msgspec.Raw) -> tuple[Metadata, list[str]]:
    """The metadata without the fields that cannot be read, and their names.

    :raises msgspec.ValidationError: when uid, name or namespace are among them.
    """
    _IDENTITY.decode(item)
    members = _MEMBERS.decode(_MEMBERS.decode(item).get("metadata", EMPTY))
    read: dict[str, Any] = {}
    odd = []
    for field in msgspec.structs.fields(Metadata):
        try:
            if field.encode_name in members:
                read[field.name] = msgspec.json.decode(members[field.encode_name], type=field.type)
        except (msgspec.ValidationError, ValueError):
            odd.append(field.encode_name)
    return Metadata(**read), odd


def _called(item: msgspec.Raw) -> str:
    """The item as an error calls it: by its name, when that can be read."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        identity = _IDENTITY.decode(item).metadata
        if identity.name:
            return f"the item {identity}"
    return "an item"


def _annotations(raw: msgspec.Raw) -> msgspec.Raw:
    if _LAST_APPLIED not in bytes(raw):
        return raw
    annotations = _MEMBERS.decode(raw)
    annotations.pop(LAST_APPLIED, None)
    return msgspec.Raw(msgspec.json.encode(annotations))


def _json(raw: msgspec.Raw) -> str | None:
    text = bytes(raw)
    return None if text == _NULL else text.decode()


def _where(metadata: Metadata) -> str:
    return str(_Identity(name=metadata.name, namespace=metadata.namespace))
