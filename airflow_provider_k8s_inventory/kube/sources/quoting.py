"""Quote what others wrote: secrets are redacted in the whole text, and only then it is cut.

`contexts` and `credentials` know the secrets of a context.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST_SECRET: Final = 5
"""Shorter texts are not redacted: they would take half the message with them. Airflow's masker does the same."""
SHORTEST_LINE: Final = 16
"""Lines of a secret that are shorter are not redacted alone: the last one of a key may be any word."""
LONGEST_EXCERPT: Final = 300
"""Characters of somebody else's text that a message quotes."""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret by ``***``, also as servers and proxies write it: quoted, escaped, encoded, line by line."""
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST_SECRET}
    for form in sorted(forms, key=len, reverse=True):  # one may be a part of another
        text = text.replace(form, "***")
    return text


def excerpt(text: str, secrets: Iterable[str], *, whole: bool = True) -> str:
    """Put what others wrote on one line of at most `LONGEST_EXCERPT` characters, without secrets.

    :param whole: whether it is all they wrote; else a secret may be cut at its end.
    """
    secrets = tuple(secrets)
    text = redacted(text, secrets)
    if not whole:
        longest = max((len(form) for secret in secrets for form in _forms(secret)), default=0)
        text = text[: max(0, len(text) - longest)]
    text = one_line(text)
    # Once more: what is left out may have stood in the middle of a secret.
    text = redacted(text, secrets)
    return text if len(text) <= LONGEST_EXCERPT else f"{text[:LONGEST_EXCERPT]}…"


def one_line(text: str) -> str:
    """Put a text on one line, without what a terminal would not print."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it may stand in a text."""
    yield from _escaped(secret)
    yield from _escaped(" ".join(secret.split()))
    for line in secret.splitlines():
        if len(line) >= SHORTEST_LINE and not line.startswith("-----"):
            yield from _escaped(line)
    data = secret.encode()
    for offset in range(3):
        # In front of it there may be a user name: base64 then begins in the middle of three bytes.
        encoded = base64.b64encode(bytes(offset) + data).decode().rstrip("=")
        # The first and last characters also hold bits of what stands beside it.
        inner = encoded[(0, 2, 3)[offset] : len(encoded) - (1 if (len(data) + offset) % 3 else 0)]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def _escaped(text: str) -> Iterator[str]:
    yield text
    yield quote(text, safe="")
    yield quote_plus(text)
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    # Go's encoding/json escapes these three, too.
    go = json.dumps(text, ensure_ascii=False)[1:-1]
    for character in "<>&":
        go = go.replace(character, f"\\u{ord(character):04x}")
    yield go
