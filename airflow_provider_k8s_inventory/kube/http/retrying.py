"""Decide when a request is sent again, and after how long.

What an unwanted response means is in `errors`, and what a failed connection means in `failures`: both give a
`Failure`.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from typing import Final

import urllib3
from urllib3.exceptions import InvalidHeader

from airflow_provider_k8s_inventory.exceptions import ScopeError
from airflow_provider_k8s_inventory.kube import stopping, tallying
from airflow_provider_k8s_inventory.kube.http.bounds import Bound

log = logging.getLogger(__name__)

STATUSES: Final = frozenset({429, 500, 502, 503, 504})
"""The statuses that say "not now"."""
LONGEST_BACKOFF: Final = 30
"""Seconds between two tries at most, where the server asks for no wait; the fourth retry waits for 5 s at most."""
_NO_LIMIT: Final = 10**12
"""urllib3 would cut a Retry-After to 6 hours; ours is cut to less, and the message says what the server asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A try that did not bring what was asked for; every text of others in it is redacted and cut."""

    error: type[ScopeError]
    what: str
    """The failure, with context and request."""
    short: str
    """The reason, in a few words."""
    advice: str = ""
    """The advice."""
    retries: int | None = None
    """The number of further tries that may help, at most; None: as many as the caller allows."""
    retry_after: str | None = None
    """The server's Retry-After, as it came."""
    http_status: int | None = None
    kubernetes_reason: str | None = None

    def exception(self, request: str, tried: str = "") -> ScopeError:
        """Make it an exception.

        :param request: method and path.
        :param tried: the number of tries, ready to be shown.
        """
        return self.error(
            self.what,
            advice=self.advice or None,
            tries=tried,
            http_status=self.http_status,
            kubernetes_reason=self.kubernetes_reason,
            request=request,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """The number of tries, and the waits between them."""

    retries: int
    """The number of tries after the first, at most."""
    retry_after_max: float
    """The longest wait in seconds that a server may ask for."""
    backoff: float
    """The scale in seconds of the waits when it asks for none: 0, 2, 4, 8 … times that, with jitter."""


class Tries:
    """The tries of one request."""

    def __init__(self, policy: RetryPolicy, bound: Bound, who: str) -> None:
        """Begin with the first.

        :param bound: the time all of them have.
        :param who: context and request, for the log.
        """
        self._policy = policy
        self._bound = bound
        self._who = who
        self._count = 1
        self._started = time.monotonic()
        self._asked = ""

    def again(self, failure: Failure) -> bool:
        """Wait until the next try is due; False when there is none.

        :raises Stopped: when whoever asked leaves meanwhile.
        """
        allowed = self._policy.retries
        if failure.retries is not None:
            allowed = min(allowed, failure.retries)
        if self._count > allowed:
            return False
        wait = self._wait(failure.retry_after)
        if wait >= self._bound.left:
            return False
        self._count += 1
        tallying.retry()
        when = f"in {wait:.0f} s" if wait >= 0.5 else "now"
        log.info("%s: try %d of %d %s%s: %s", self._who, self._count, allowed + 1, when, self._asked, failure.short)
        stopping.current().wait(wait)
        return True

    def said(self) -> str:
        """Say how often it was tried, for the end of a message; nothing when it was once."""
        if self._count == 1 and not self._asked:
            return ""
        tries = f"{self._count} tries" if self._count > 1 else "1 try"
        return f" ({tries} in {time.monotonic() - self._started:.0f} s{self._asked})"

    def _wait(self, asked: str | None) -> float:
        seconds = _seconds(asked)
        if seconds is not None:
            self._asked = f"; the server asked for {seconds:.0f} s" if seconds > self._policy.retry_after_max else ""
            return min(seconds, self._policy.retry_after_max)
        if self._count == 1:
            return 0
        backoff = self._policy.backoff
        jitter = random.random() * backoff  # noqa: S311  # it keeps many tasks from coming back at the same moment
        return min(LONGEST_BACKOFF, backoff * float(2 ** (self._count - 1)) + jitter)


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds to wait; a Retry-After that is neither a number nor a date counts as none."""
    try:
        return urllib3.Retry(retry_after_max=_NO_LIMIT).parse_retry_after(retry_after) if retry_after else None
    except (InvalidHeader, ValueError, OverflowError):
        return None
