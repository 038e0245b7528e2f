"""The parameters of a list or watch, checked as the real server checks them.

What they select is worked out in `listing`, `watching` and `selectors`.
https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/internalversion/validation/validation.go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from k8s_inventory_demo.simulator.errors import StatusError, bad_request, invalid

_NOT_OLDER = "NotOlderThan"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The parameters of a request: the state it wants, and how much of it."""

    version: int
    """0 when any state will do."""
    match: str
    """``"Exact"``, ``"NotOlderThan"`` or ``""``."""
    token: str
    limit: int
    """0 for no limit."""
    labels: str
    fields: str
    seconds: int
    """0 when the client leaves the end of a watch to the server."""
    bookmarks: bool
    initial_events: bool

    @property
    def exact(self) -> bool:
        """Tell if the list must show the state of `version`, not a newer one; a bare limit means that too."""
        return self.version > 0 and (self.match == "Exact" or (self.limit > 0 and not self.match))


def is_true(value: str | None) -> bool:
    """Tell if a parameter says yes."""
    return (value or "").lower() in ("1", "true")


def _number(query: Mapping[str, str], name: str) -> int:
    try:
        return int(query.get(name) or 0)
    except ValueError as error:
        raise bad_request(f"invalid value for {name}: {error}") from error


def _refuse(field: str, why: str) -> StatusError:
    return invalid("ListOptions", "meta.k8s.io", field, "Forbidden", why)


def read(query: Mapping[str, str], *, watch: bool, watch_list: bool) -> Options:
    """Read the parameters.

    :param watch: whether it is a watch.
    :param watch_list: whether this server lets a watch begin with a list.
    :raises StatusError: 400 for what cannot be read, 422 for what does not go together.
    """
    options = Options(
        version=_number(query, "resourceVersion"),
        match=query.get("resourceVersionMatch", ""),
        token=query.get("continue", ""),
        limit=_number(query, "limit"),
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        seconds=_number(query, "timeoutSeconds"),
        bookmarks=is_true(query.get("allowWatchBookmarks")),
        initial_events=is_true(query.get("sendInitialEvents")),
    )
    if watch:
        _check_watch(options, watch_list=watch_list)
    else:
        _check_list(options, given="resourceVersion" in query)
    return options


def _check_list(options: Options, *, given: bool) -> None:
    if options.initial_events:
        raise _refuse("sendInitialEvents", "sendInitialEvents is forbidden for list")
    if options.match and options.token:
        raise _refuse("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")
    if options.match and not given:
        raise _refuse("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided")
    if options.token and options.version:
        raise bad_request("specifying resource version is not allowed when using continue")


def _check_watch(options: Options, *, watch_list: bool) -> None:
    if not options.initial_events:
        if options.match:
            why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            raise _refuse("resourceVersionMatch", why)
        return
    if options.match != _NOT_OLDER:
        why = f"sendInitialEvents requires setting resourceVersionMatch to {_NOT_OLDER}"
        raise _refuse("resourceVersionMatch", why)
    if not watch_list:
        why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        raise _refuse("sendInitialEvents", why)
