"""When a request is sent again, and after how long.

What an answer finally means is in `answers`, and what none means in `failures`.
"""

from __future__ import annotations

import logging
import ssl
from types import TracebackType
from typing import Final, Self

import urllib3
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import InvalidHeader, MaxRetryError, SSLError

_log = logging.getLogger(__name__)

STATUSES: Final = frozenset({429, 500, 502, 503, 504})
"""Answers that say "not now"."""
LONGEST_BACKOFF: Final = 30
"""Seconds."""


class Retries(urllib3.Retry):
    """urllib3's, but a certificate that does not verify now will not verify in a second either."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Count one more try.

        :raises MaxRetryError: when it was the last.
        """
        if isinstance(error, SSLError) and isinstance(error.args[0], ssl.SSLCertVerificationError):
            raise MaxRetryError(_pool, url, error) from error  # type: ignore[arg-type]  # urllib3 passes its pool
        left = super().increment(method, url, response, error, _pool, _stacktrace)
        if response:  # of errors urllib3 itself warns
            _log.warning("%s %s gave %s; trying again", method, url, response.status)
        return left

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        """Seconds to wait; a Retry-After that is neither a number nor a date counts as none."""
        try:
            return super().get_retry_after(response)
        except InvalidHeader:
            return None


def retries(times: int, *, retry_after_max: float, backoff: float) -> Retries:
    """How often and how patiently.

    :param times: at most so many more tries after the first.
    :param retry_after_max: the longest wait in seconds that a server may ask for.
    :param backoff: the scale in seconds of the waits when it asks for none: 0, 2, 4, 8 … times that, with jitter.
    """
    return Retries(
        total=times,
        allowed_methods=None,  # our only POST asks a question
        status_forcelist=STATUSES,
        raise_on_status=False,
        backoff_factor=backoff,
        backoff_jitter=backoff,
        backoff_max=LONGEST_BACKOFF,
        retry_after_max=retry_after_max,  # type: ignore[arg-type]  # compared and slept, never counted
    )
