"""Read the events of a watch from its lines.

`watching` asks for the changes up to a moment, and `streams` for all that come; both get lines that are read here.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import (
    ExpiredError,
    ResponseError,
    ScopeError,
    TooLargeError,
    UnprovenError,
)
from airflow_provider_k8s_inventory.kube import matching, nesting, text, versions
from airflow_provider_k8s_inventory.kube.http.errors import CHECK_PROXY
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.model import Resource

LINE_BYTES: Final = 16 << 20
"""Bytes of one event, which is one line: etcd takes objects of 1.5 MB (``--max-request-bytes``), unless told otherwise,
and one that is stored as protobuf may be several times as long as JSON."""

_GONE: Final = 410


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    # One object's may be odd, and then only proves nothing.
    resource_version: Any = None


class _Mark(msgspec.Struct, frozen=True):
    """The part that is read of the object of an event, or of a BOOKMARK."""

    metadata: _Metadata | None = None
    kind: Any = None
    api_version: Any = msgspec.field(name="apiVersion", default=None)


class _Status(msgspec.Struct, frozen=True):
    """The part that is read of the object of an ERROR; other objects may have fields of these names too."""

    code: int | None = None
    message: str | None = None
    reason: str | None = None


class _Line(msgspec.Struct, frozen=True):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


_T = TypeVar("_T")
_LINE: Final = msgspec.json.Decoder(_Line)
_MARK: Final = msgspec.json.Decoder(_Mark)
_STATUS: Final = msgspec.json.Decoder(_Status)
_DEPTH: Final = 1
"""The levels that the object of an event is in."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a watch that is no ERROR."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: msgspec.Raw
    """The object as it came; a BOOKMARK's has no more than a resourceVersion."""
    resource_version: str | None
    """The object's; None: it has none that could be compared."""
    size: int
    """Bytes of the line."""


@dataclass(slots=True)
class Lines:
    """Whole lines, made of pieces that end anywhere."""

    what: str
    """The name of the watch, for messages."""
    _rest: list[bytes]
    _size: int

    def __init__(self, what: str) -> None:
        """Begin with nothing.

        :param what: the name of the watch, for messages.
        """
        self.what, self._rest, self._size = what, [], 0

    def of(self, piece: bytes) -> list[bytes]:
        """Return the lines that end in a piece.

        :raises TooLargeError: when one has more than `LINE_BYTES`.
        """
        *lines, last = piece.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._rest, lines[0]])
            self._rest, self._size = [], 0
        self._rest.append(last)
        self._size += len(last)
        if self._size > LINE_BYTES:
            raise TooLargeError(f"{self.what}: an event of more than {LINE_BYTES >> 20} MiB", advice="is it a watch?")
        return [line for line in lines if line]


@dataclass(slots=True)
class Reader:
    """A reader of the lines of one watch."""

    context: Context
    path: str
    last: str
    """The resourceVersion of the last event; at first the one to watch from."""
    expected: Resource | None
    """The resource whose objects they must be; None: any."""

    @property
    def what(self) -> str:
        """The name of the watch, for messages."""
        return f"context {self.context.name}: watching {self.path}"

    @property
    def request(self) -> str:
        """Method and path, for errors."""
        return f"GET {self.path}"

    def read(self, line: bytes) -> Event:
        """Read one line.

        :raises ExpiredError: the server does not remember so far back.
        :raises ResponseError: the server ended the watch with another error, or this is no watch.
        :raises UnprovenError: the event is older than what came before it.
        """
        event = self._line(line)
        if event.type == "ERROR":
            raise self._error(self._decode(_STATUS, event.object))
        mark = self._decode(_MARK, event.object)
        if self.expected:
            self._match(mark, self.expected)
        version = mark.metadata.resource_version if mark.metadata else None
        version = version if isinstance(version, str) else None
        if event.type != "BOOKMARK":
            self._follow(version)
        return Event(event.type, event.object, version, len(line))

    def _follow(self, version: str | None) -> None:
        """Check that an event comes after the one before it: an older one would undo what is known already.

        :raises UnprovenError: when it does not.
        """
        if version is None:
            return
        if versions.precedes(version, self.last):
            raise UnprovenError(f"{self.what} brought resourceVersion {version} after {self.last}")
        self.last = version

    def _match(self, mark: _Mark, expected: Resource) -> None:
        try:
            matching.check_object(expected, mark.kind, mark.api_version)
        except ValueError as error:
            said = self.context.excerpt(str(error))
            raise ResponseError(f"{self.what} brought {said}", advice=CHECK_PROXY, request=self.request) from None

    def _error(self, status: _Status) -> ScopeError:
        said = self.context.excerpt(status.message or "") or "the API server ended it with an error"
        kind = ExpiredError if status.code == _GONE else ResponseError
        reason = self.context.excerpt(status.reason or "")
        return kind(f"{self.what}: {said}", http_status=status.code, kubernetes_reason=reason, request=self.request)

    def _line(self, line: bytes) -> _Line:
        with suppress(msgspec.DecodeError, RecursionError):
            return _LINE.decode(line)
        # An object that msgspec cannot pass over, such as a deep one.
        with suppress(ValueError):
            outer, inner = nesting.fold(line, _DEPTH)
            event = _LINE.decode(outer)
            return msgspec.structs.replace(event, object=nesting.unfold(event.object, inner))
        return self._decode(_LINE, line)

    def _decode(self, decoder: msgspec.json.Decoder[_T], data: bytes | msgspec.Raw) -> _T:
        try:
            return text.decode(decoder, data)
        except (ValueError, RecursionError) as error:
            said = self.context.excerpt(str(error))
            raise ResponseError(
                f"{self.what}: the response is not a watch ({said})", advice=CHECK_PROXY, request=self.request
            ) from None
