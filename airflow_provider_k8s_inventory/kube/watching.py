"""Read the changes of a resource since a resourceVersion, by a watch that ends as soon as it has proven to be complete.

`listing` reads all objects.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import (
    ExpiredError,
    ResponseError,
    ScopeError,
    SlowError,
    TooLargeError,
    UnprovenError,
)
from airflow_provider_k8s_inventory.kube import matching, nesting, text, versions
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.http.errors import CHECK_PROXY
from airflow_provider_k8s_inventory.model import Changes, Resource

SECONDS: Final = 3
"""The seconds that the server is asked to watch. It sends a bookmark 2 s before the end, so after 1 s
(``nextBookmarkTime`` in k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go)."""

WAITED: Final = 30
"""Seconds that a watch is waited for, ten times what the server is asked for: ``timeoutSeconds`` is only asked."""
LINE_BYTES: Final = 16 << 20
"""Bytes of one event, which is one line: etcd takes objects of 1.5 MB (``--max-request-bytes``), unless told otherwise,
and one that is stored as protobuf may be several times as long as JSON."""

_GONE: Final = 410
_ASKED: Final[dict[str, str | int]] = {"watch": 1, "allowWatchBookmarks": "true", "timeoutSeconds": SECONDS}


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


class _Event(msgspec.Struct, frozen=True):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


_T = TypeVar("_T")
_EVENT: Final = msgspec.json.Decoder(_Event)
_MARK: Final = msgspec.json.Decoder(_Mark)
_STATUS: Final = msgspec.json.Decoder(_Status)
_DEPTH: Final = 1
"""The levels that the object of an event is in."""


def changes(
    client: Client,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    since: str,
    until: str,
    expected: Resource | None = None,
    seconds: float | None = None,
) -> Iterator[Changes]:
    """Yield the changes between two resourceVersions, and perhaps after; the last piece has a resourceVersion.

    :param client: the cluster.
    :param path: as for `listing.pages`.
    :param query: as for `listing.pages`.
    :param since: the resourceVersion at which a list or a watch was complete.
    :param until: a resourceVersion the server has told just now.
    :param expected: the resource whose objects they must be; None: any.
    :param seconds: the time that the watch is waited for; None: `WAITED`.
    :raises ExpiredError: the server does not remember so far back.
    :raises ResponseError: the server ended the watch with another error, or this is no watch.
    :raises UnprovenError: the watch ended before an event or a bookmark came that reaches `until`, or an event is older
        than what came before it.
    :raises ScopeError: whatever else `Client.stream` raises.
    """
    if since == until:
        # Nothing at all was written since, and a watch would bring no bookmark: they only ever go forward.
        yield Changes(events=[], resource_version=until, size=0)
        return
    reader = _Reader(client, path, since, until, expected)
    parameters = _ASKED | dict(query or {}) | {"resourceVersion": since}
    try:
        with client.stream(path, parameters, seconds=WAITED if seconds is None else seconds) as pieces:
            for lines in _lines(pieces, reader.what):
                piece = reader.read(lines)
                yield piece
                if piece.resource_version is not None:
                    return
    except SlowError as error:
        raise UnprovenError(f"{error}; no bookmark proves that every change has come") from error
    raise UnprovenError(f"{reader.what}: the API server sent no bookmark that proves every change has come")


def _lines(pieces: Iterator[bytes], what: str) -> Iterator[list[bytes]]:
    """Yield whole lines, as many as have come."""
    rest: list[bytes] = []
    size = 0
    for piece in pieces:
        *lines, last = piece.split(b"\n")
        if lines:
            lines[0] = b"".join([*rest, lines[0]])
            rest, size = [], 0
            yield [line for line in lines if line]
        rest.append(last)
        size += len(last)
        if size > LINE_BYTES:
            raise TooLargeError(f"{what}: an event of more than {LINE_BYTES >> 20} MiB", advice="is it a watch?")


@dataclass(slots=True)
class _Reader:
    """A reader of the lines of one watch."""

    client: Client
    path: str
    last: str
    """The resourceVersion of the last event; at first the one to watch from."""
    until: str
    expected: Resource | None

    @property
    def what(self) -> str:
        """The name of it in messages."""
        return f"context {self.client.context.name}: watching {self.path}"

    @property
    def request(self) -> str:
        """Method and path, for errors."""
        return f"GET {self.path}"

    def read(self, lines: list[bytes]) -> Changes:
        """Make one piece of some lines."""
        events: list[tuple[bool, msgspec.Raw]] = []
        reached: str | None = None
        size = 0
        for line in lines:
            size += len(line)
            event = self._event(line)
            if event.type == "ERROR":
                raise self._error(self._decode(_STATUS, event.object))
            if self.expected:
                self._match(event.object, self.expected)
            if event.type == "BOOKMARK":
                reached = self._reached(event.object)
                if reached:
                    break
            else:
                self._follow(event.object)
                events.append((event.type == "DELETED", event.object))
        if events and not reached:
            # Events come in the order of their resourceVersions, so one that reaches `until` proves as much as a
            # bookmark.
            reached = self._reached(events[-1][1])
        return Changes(events=events, resource_version=reached, size=size)

    def _follow(self, item: msgspec.Raw) -> None:
        """Check that an event comes after the one before it: an older one would undo what is known already.

        :raises UnprovenError: when it does not.
        """
        version = self._version(item)
        if version is None:
            return
        if versions.precedes(version, self.last):
            raise UnprovenError(f"{self.what} brought resourceVersion {version} after {self.last}")
        self.last = version

    def _match(self, item: msgspec.Raw, expected: Resource) -> None:
        mark = self._decode(_MARK, item)
        try:
            matching.check_object(expected, mark.kind, mark.api_version)
        except ValueError as error:
            said = self.client.context.excerpt(str(error))
            raise ResponseError(f"{self.what} brought {said}", advice=CHECK_PROXY, request=self.request) from None

    def _reached(self, mark: msgspec.Raw) -> str | None:
        """Return the resourceVersion of an event's object, if everything up to `until` has come with it."""
        version = self._version(mark)
        return version if version is not None and versions.at_least(version, self.until) else None

    def _version(self, mark: msgspec.Raw) -> str | None:
        metadata = self._decode(_MARK, mark).metadata
        version = metadata.resource_version if metadata else None
        return version if isinstance(version, str) else None

    def _error(self, status: _Status) -> ScopeError:
        said = self.client.context.excerpt(status.message or "") or "the API server ended it with an error"
        kind = ExpiredError if status.code == _GONE else ResponseError
        reason = self.client.context.excerpt(status.reason or "")
        return kind(f"{self.what}: {said}", http_status=status.code, kubernetes_reason=reason, request=self.request)

    def _event(self, line: bytes) -> _Event:
        with suppress(msgspec.DecodeError, RecursionError):
            return _EVENT.decode(line)
        # An object that msgspec cannot pass over, such as a deep one.
        with suppress(ValueError):
            outer, inner = nesting.fold(line, _DEPTH)
            event = _EVENT.decode(outer)
            return msgspec.structs.replace(event, object=nesting.unfold(event.object, inner))
        return self._decode(_EVENT, line)

    def _decode(self, decoder: msgspec.json.Decoder[_T], data: bytes | msgspec.Raw) -> _T:
        try:
            return text.decode(decoder, data)
        except (ValueError, RecursionError) as error:
            said = self.client.context.excerpt(str(error))
            raise ResponseError(
                f"{self.what}: the response is not a watch ({said})", advice=CHECK_PROXY, request=self.request
            ) from None
