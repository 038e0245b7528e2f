"""Free TCP ports of this machine, and keeping one for the next start.

Who listens on them is for the callers to say.
"""

from __future__ import annotations

import socket
from pathlib import Path


def free() -> int:
    """Find a port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def remembered(file: Path) -> int:
    """Return the port this file remembers, unless somebody else has taken it; else a free one, which it keeps."""
    if file.exists() and _available(port := int(file.read_text())):
        return port
    port = free()
    file.write_text(str(port))
    return port


def _available(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
