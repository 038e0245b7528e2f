"""A server in a thread of this process."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Serving:
    """Serves until the ``with`` block ends.

    :param server: the server, which is closed at the end.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._running = server

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._running.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.shutdown()
        self._running.server_close()
        self._thread.join()
