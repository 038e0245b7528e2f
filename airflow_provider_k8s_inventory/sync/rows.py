"""Make rows of objects: bytes from a page in, the values of a table's columns out.

What the columns are is declared in `resources`; how rows get into PostgreSQL is in `postgres.loading`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, UnprovenError
from airflow_provider_k8s_inventory.model import Definition, Page
from airflow_provider_k8s_inventory.resources.shared import LAST_APPLIED, Metadata, Object

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_IDENTITY: Final = msgspec.json.Decoder(Object)
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
        names = [column.name for column in definition.table.columns if not column.generated]
        self._own = len(names) - names.index("object") - 1
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
                    f"an item in the list of {self._definition.name} is not an object of Kubernetes: {error}"
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
            _json(metadata.labels) or "{}",
            _json(_annotations(metadata.annotations)) or "{}",
            controller.kind if controller else None,
            controller.name if controller else None,
            controller.uid if controller else None,
            metadata.resource_version,
            metadata.creation_timestamp,
            metadata.deletion_timestamp,
            self._object(item) if self._store_object else None,
            *(_json(value) if isinstance(value, msgspec.Raw) else value for value in own),
        )

    def _read(self, item: msgspec.Raw) -> tuple[Metadata, tuple[Any, ...]]:
        try:
            decoded = self._decoder.decode(item)
            return decoded.metadata, self._definition.extract(decoded)  # type: ignore[attr-defined]
        except (msgspec.ValidationError, ValueError) as error:
            problem = str(error)
        metadata = msgspec.json.decode(item, type=Object).metadata
        self.warn(
            f"{_where(metadata)} does not look like a {self._definition.resource.kind} ({problem}): "
            f"the columns behind object are NULL"
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
        raise UnprovenError(f"{_where(metadata)} has no uid: what became of it cannot be told")
    return metadata.uid


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
    return f"{metadata.namespace}/{metadata.name}" if metadata.namespace else f"{metadata.name}"
