"""Find the blocks of PEM in a text: certificates and keys, without what stands around them.

As Go's encoding/pem, and unlike Python's ssl, which takes no text but ASCII: lists of authorities have comments such
as ``# NetLock Arany (Class Gold) Főtanúsítvány``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

CERTIFICATE: Final = "CERTIFICATE"
_MARK: Final = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")


def certificates(text: str) -> list[str]:
    """Return the certificates, each a block."""
    return [block for label, block in _blocks(text) if label == CERTIFICATE]


def private_key(text: str) -> str | None:
    """Return the first private key, as a block."""
    return next((block for label, block in _blocks(text) if label.endswith("PRIVATE KEY")), None)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield every block with its label, in lines that end as OpenSSL likes them."""
    begin: re.Match[str] | None = None
    for mark in _MARK.finditer(text):
        if mark[1] == "BEGIN":
            begin = mark
        elif begin and begin[2] == mark[2]:
            lines = (line.strip() for line in text[begin.end() : mark.start()].strip().splitlines())
            yield mark[2], "\n".join((begin[0], *lines, mark[0], ""))
            begin = None
