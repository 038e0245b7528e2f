"""What a StatsD server would get: a UDP socket that is read all the time, as its buffer holds a few hundred packets."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self


class StatsdReceiver:
    """Keeps the lines that are of this package, while its block lasts."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.port: int = self._socket.getsockname()[1]
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last, self._socket:
            last.sendto(b"", ("127.0.0.1", self.port))
            self._thread.join()

    def _read(self) -> None:
        while packet := self._socket.recv(65536):
            self.lines += [line for line in packet.decode().splitlines() if ".k8s_inventory." in line]
