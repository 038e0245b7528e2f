"""Read JSON that is nested deeper than a recursive decoder goes.

Python 3.11 lets msgspec go as deep as its own recursion limit, 1000, less what is on the stack already; later versions
some thousands. An API server stores what is deeper, and one such object must not cost the list that it is in. All of
this is slow, and only for what msgspec gave up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

DEEPEST: Final = 500
"""An object of more levels is one that many programs cannot read: Python's json ends at about 990, Java's Jackson at
1,000. What Kubernetes defines itself has some twenty."""
_SHALLOW: Final = 200
"""More levels than any field has that is read; pods have 12."""
_ROUNDS: Final = 64

_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{}]', re.DOTALL)
_OPENING: Final = b"[{"
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))


def fold(data: bytes, depth: int) -> tuple[bytes, list[bytes]]:
    """Put ``[n]`` in the place of every array and object at a depth, the n-th of those that are returned beside it.

    :param data: JSON.
    :param depth: the number of arrays and objects they are in.
    :raises ValueError: when what is opened is not closed.
    """
    outer: list[bytes] = []
    inner: list[bytes] = []
    last = 0
    for start, end in _spans(data, depth):
        outer += data[last:start], b"[%d]" % len(inner)
        inner.append(data[start:end])
        last = end
    outer.append(data[last:])
    return b"".join(outer), inner


def unfold(value: msgspec.Raw, inner: Sequence[bytes]) -> msgspec.Raw:
    """Return what stood in the place of a value of folded JSON."""
    folded = bytes(value)
    return msgspec.Raw(inner[int(folded[1:-1])]) if folded.startswith(b"[") else value


def shallow(data: bytes) -> bytes:
    """Put null in the place of all that is nested deeper than what is ever read.

    :raises ValueError: as `fold`.
    """
    parts: list[bytes] = []
    last = 0
    for start, end in _spans(data, _SHALLOW):
        parts += data[last:start], b"null"
        last = end
    parts.append(data[last:])
    return b"".join(parts)


def is_deep(data: bytes) -> bool:
    """Tell if JSON has more than `DEEPEST` levels. Brackets in strings may hide that, which harms nobody.

    It costs 2 µs for 5 kB, as long as there are few brackets.
    """
    if len(data) <= 2 * DEEPEST:
        return False
    brackets = data.translate(None, _NO_BRACKET)
    if len(brackets) <= 2 * DEEPEST:
        return False
    # Each round takes the innermost level away, and so most of what there is.
    for _ in range(_ROUNDS):
        fewer = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return bool(brackets) and next(_spans(data, DEEPEST), None) is not None


def _spans(data: bytes, depth: int) -> Iterator[tuple[int, int]]:
    """Yield where the arrays and objects at a depth begin and end."""
    level = start = 0
    for token in _TOKEN.finditer(data):
        character = data[token.start()]
        if character in _OPENING:
            if level == depth:
                start = token.start()
            level += 1
        elif character != 0x22:
            level -= 1
            if level == depth:
                yield start, token.end()
            elif level < 0:
                break
    if level:
        raise ValueError("JSON of which not every bracket has its other one")
