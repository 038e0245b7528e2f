"""The objects of one response to a list: paging over one state, with the real server's tokens and errors.

How the response is written is in `rendering`; states and their end come from `store`.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from k8s_inventory_demo.simulator.collection import Snapshot
from k8s_inventory_demo.simulator.errors import StatusError, bad_request, expired
from k8s_inventory_demo.simulator.objects import Entry
from k8s_inventory_demo.simulator.options import Options
from k8s_inventory_demo.simulator.selectors import Predicate, predicate
from k8s_inventory_demo.simulator.served import Served
from k8s_inventory_demo.simulator.store import Store

# In the words of https://github.com/kubernetes/apiserver/blob/master/pkg/storage/etcd3/errors.go
_LIST_EXPIRED: Final = "The resourceVersion for the provided list is too old."
_TOO_LARGE: Final = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
_PAGE_EXPIRED: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One page of a list."""

    entries: list[Entry]
    version: int
    """The list's resourceVersion, the same on all of its pages."""
    token: str
    """The start of the next page; empty on the last."""
    remaining: int | None
    """The number of objects after this page; unknown when there are selectors."""


def _token(version: int, last: str) -> str:
    # The first key that may follow is the last one with a zero byte behind it.
    token = {"v": "meta.k8s.io/v1", "rv": version, "start": f"{last}\0"}
    return base64.urlsafe_b64encode(json.dumps(token, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    try:
        document = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(document["rv"]), str(document["start"])
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error


def _start(current: int, options: Options) -> tuple[int, str]:
    """Find the state a list speaks of, and the key it starts at."""
    if options.token:
        version, start = _read_token(options.token)
        return (current, start) if version < 0 else (version, start)
    if options.version > current:
        message = f"Timeout: Too large resource version: {options.version}, current: {current}"
        raise StatusError(504, "Timeout", message, details={"causes": [_TOO_LARGE], "retryAfterSeconds": 1})
    return (options.version if options.exact else current), ""


def _snapshot(store: Store, collection: str, version: int, start: str) -> Snapshot:
    try:
        return store.snapshot(collection, version)
    except StatusError as error:
        if start:
            raise expired(_PAGE_EXPIRED, **{"continue": _token(-1, start.rstrip("\0"))}) from error
        raise expired(_LIST_EXPIRED) from error


def page(store: Store, served: Served, namespace: str | None, options: Options) -> Part:
    """Select one page.

    :raises StatusError: 400 for a selector or token that cannot be read, 410 for a state that was compacted, 504 for
        one that is not there yet.
    """
    selected = predicate(served.collection, options.labels, options.fields)
    with store.lock:
        version, start = _start(store.resource_version, options)
        snapshot = _snapshot(store, served.collection, version, start)
    low, high = snapshot.range_of(namespace)
    low = min(high, max(low, bisect_left(snapshot.keys, start)))
    entries, end = _take(snapshot, low, high, options.limit or len(snapshot.keys), selected)
    token = _token(version, snapshot.keys[end - 1]) if end < high else ""
    remaining = high - end if token and selected is None else None
    return Part(entries=entries, version=version, token=token, remaining=remaining)


def _take(snapshot: Snapshot, low: int, high: int, limit: int, selected: Predicate | None) -> tuple[list[Entry], int]:
    """Up to so many selected objects, and the index behind the last one that was looked at."""
    if selected is None:
        end = min(high, low + limit)
        return snapshot.entries[low:end], end
    entries: list[Entry] = []
    for index in range(low, high):
        if len(entries) == limit:
            return entries, index
        if selected(snapshot.entries[index]):
            entries.append(snapshot.entries[index])
    return entries, high
