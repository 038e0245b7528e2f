"""Read the changes of a resource since a resourceVersion, by a watch that ends as soon as it has proven to be complete.

`listing` reads all objects.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import SlowError, UnprovenError
from airflow_provider_k8s_inventory.kube import versions
from airflow_provider_k8s_inventory.kube.events import Event, Lines, Reader
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Changes, Resource

SECONDS: Final = 3
"""The seconds that the server is asked to watch. It sends a bookmark 2 s before the end, so after 1 s
(``nextBookmarkTime`` in k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go)."""

WAITED: Final = 30
"""Seconds that a watch is waited for, ten times what the server is asked for: ``timeoutSeconds`` is only asked."""

_ASKED: Final[dict[str, str | int]] = {"watch": 1, "allowWatchBookmarks": "true", "timeoutSeconds": SECONDS}


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
    reader = Reader(client.context, path, since, expected)
    parameters = _ASKED | dict(query or {}) | {"resourceVersion": since}
    try:
        with client.stream(path, parameters, seconds=WAITED if seconds is None else seconds) as pieces:
            whole = Lines(reader.what)
            for lines in filter(None, map(whole.of, pieces)):
                piece = _piece(reader, lines, until)
                yield piece
                if piece.resource_version is not None:
                    return
    except SlowError as error:
        raise UnprovenError(f"{error}; no bookmark proves that every change has come") from error
    raise UnprovenError(f"{reader.what}: the API server sent no bookmark that proves every change has come")


def _piece(reader: Reader, lines: list[bytes], until: str) -> Changes:
    """Make one piece of some lines."""
    events: list[tuple[bool, msgspec.Raw]] = []
    reached: str | None = None
    last: Event | None = None
    size = 0
    for line in lines:
        size += len(line)
        event = reader.read(line)
        if event.type == "BOOKMARK":
            reached = _reached(event, until)
            if reached:
                break
        else:
            last = event
            events.append((event.type == "DELETED", event.object))
    if last and not reached:
        # Events come in the order of their resourceVersions, so one that reaches `until` proves as much as a bookmark.
        reached = _reached(last, until)
    return Changes(events=events, resource_version=reached, size=size)


def _reached(event: Event, until: str) -> str | None:
    """Return the resourceVersion of an event, if everything up to `until` has come with it."""
    version = event.resource_version
    return version if version is not None and versions.at_least(version, until) else None
