"""What changed in a resource since a resourceVersion: a watch that ends when it is proven to be caught up.

A list of all there is comes from `listing`.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Literal, TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, ExpiredError, ScopeError, UnprovenError
from airflow_provider_k8s_inventory.kube import matching, nesting, text, versions
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.model import Changes, Resource

SECONDS: Final = 3
"""How long the server is asked to watch. It sends a bookmark 2 s before the end, so after 1 s
(``nextBookmarkTime`` in k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go)."""

_GONE: Final = 410


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    # One object's may be odd, and then only proves nothing.
    resource_version: Any = ""


class _Mark(msgspec.Struct, frozen=True):
    """What is read of the object of an event, or of a BOOKMARK."""

    metadata: _Metadata = _Metadata()
    kind: Any = None
    api_version: Any = msgspec.field(name="apiVersion", default=None)


class _Status(msgspec.Struct, frozen=True):
    """What is read of the object of an ERROR; other objects may have fields of these names too."""

    code: int = 0
    message: str = ""


class _Event(msgspec.Struct, frozen=True):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


_T = TypeVar("_T")
_EVENT: Final = msgspec.json.Decoder(_Event)
_MARK: Final = msgspec.json.Decoder(_Mark)
_STATUS: Final = msgspec.json.Decoder(_Status)
_DEPTH: Final = 1
"""What the object of an event is in."""


def changes(
    client: Client, path: str, *, since: str, until: str, expected: Resource | None = None
) -> Iterator[Changes]:
    """What changed between two resourceVersions, and perhaps after; the last piece has a resourceVersion.

    :param client: the cluster.
    :param path: what to watch, as `Resource.path` gives it.
    :param since: where a list or a watch was complete.
    :param until: a resourceVersion the server has told just now.
    :param expected: whose objects they must be; None: whatever comes.
    :raises ExpiredError: the server does not remember so far back.
    :raises AnswerError: the server ended the watch with another error, or this is no watch.
    :raises UnprovenError: the watch ended before an event or a bookmark came that reaches `until`.
    :raises ScopeError: whatever else `Client.stream` raises.
    """
    parameters: dict[str, str | int] = {
        "watch": 1,
        "resourceVersion": since,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": SECONDS,
    }
    what = f"context {client.context.name}: watching {path}"
    if since == until:
        # Nothing at all was written since, and a watch would bring no bookmark: they only ever go forward.
        yield Changes(events=[], resource_version=until, size=0)
        return
    with client.stream(path, parameters) as pieces:
        for lines in _lines(pieces):
            piece = _read(lines, what, until, expected)
            yield piece
            if piece.resource_version is not None:
                return
    raise UnprovenError(f"{what}: the API server sent no bookmark that proves every change has come")


def _lines(pieces: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Whole lines, as many as have come."""
    rest = b""
    for piece in pieces:
        *lines, last = piece.split(b"\n")
        if lines:
            lines[0] = rest + lines[0]
            rest = last
            yield [line for line in lines if line]
        else:
            rest += last


def _read(lines: list[bytes], what: str, until: str, expected: Resource | None) -> Changes:
    events: list[tuple[bool, msgspec.Raw]] = []
    reached: str | None = None
    size = 0
    for line in lines:
        size += len(line)
        event = _event(line, what)
        if event.type == "ERROR":
            raise _error(_decode(_STATUS, event.object, what), what)
        if expected:
            _check(event.object, what, expected)
        if event.type == "BOOKMARK":
            reached = _reached(event.object, what, until)
            if reached:
                break
        else:
            events.append((event.type == "DELETED", event.object))
    if events and not reached:
        # Events come in the order of their resourceVersions, so one that reaches `until` proves as much as a bookmark.
        reached = _reached(events[-1][1], what, until)
    return Changes(events=events, resource_version=reached, size=size)


def _check(item: msgspec.Raw, what: str, expected: Resource) -> None:
    mark = _decode(_MARK, item, what)
    try:
        matching.check_object(expected, mark.kind, mark.api_version)
    except ValueError as error:
        raise AnswerError(f"{what} brought {error}: is there a proxy in between?") from error


def _reached(mark: msgspec.Raw, what: str, until: str) -> str | None:
    """The resourceVersion of an event's object, if everything up to `until` has come with it."""
    version = _decode(_MARK, mark, what).metadata.resource_version
    return version if isinstance(version, str) and versions.reaches(version, until) else None


def _error(status: _Status, what: str) -> ScopeError:
    kind = ExpiredError if status.code == _GONE else AnswerError
    return kind(f"{what}: {status.message or 'the API server ended it with an error'}")


def _event(line: bytes, what: str) -> _Event:
    with suppress(msgspec.DecodeError, RecursionError):
        return _EVENT.decode(line)
    # An object that msgspec cannot pass over, such as a deep one.
    with suppress(ValueError):
        outer, inner = nesting.fold(line, _DEPTH)
        event = _EVENT.decode(outer)
        return msgspec.structs.replace(event, object=nesting.unfold(event.object, inner))
    return _decode(_EVENT, line, what)


def _decode(decoder: msgspec.json.Decoder[_T], data: bytes | msgspec.Raw, what: str) -> _T:
    try:
        return text.decode(decoder, data)
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"{what}: the answer is not a watch ({error}): is there a proxy in between?") from error
