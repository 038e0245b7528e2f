"""Make JSON text such that it can be decoded, and that PostgreSQL can hold it.

NUL and lone surrogates are legal in JSON, and neither text nor jsonb takes them:
https://www.postgresql.org/docs/current/datatype-json.html
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from airflow_provider_k8s_inventory.kube import nesting

# Escapes in order, so that an escaped backslash is not taken for the start of one; a proper pair comes first.
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_UNHOLDABLE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})")
_REPLACEMENT: Final = rb"\ufffd"

UNDECODED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for JSON it cannot decode, or not into that type."""

_T = TypeVar("_T")


def holdable(body: bytes | msgspec.Raw) -> tuple[bytes | msgspec.Raw, int]:
    """The same JSON with U+FFFD in the place of every NUL and lone surrogate.

    :param body: JSON text.
    :returns: the text, and how many characters were replaced.
    """
    if not _UNHOLDABLE.search(body):
        return body, 0
    replaced = 0

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal replaced
        escape = match.group()
        if len(escape) != 6 or not _UNHOLDABLE.fullmatch(escape):
            return escape
        replaced += 1
        return _REPLACEMENT

    return _ESCAPE.sub(replace, bytes(body)), replaced


def utf8(body: bytes) -> bytes:
    """The same with U+FFFD in the place of bytes that are not UTF-8."""
    return body.decode(errors="replace").encode()


def decode(decoder: msgspec.json.Decoder[_T], body: bytes | msgspec.Raw) -> _T:
    """Decode what may have characters that are none, or be nested too deeply; what is never read may be null then.

    :raises msgspec.DecodeError: when it is no JSON, or of another type.
    :raises ValueError: when it is cut off.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except UNDECODED:
        return decoder.decode(nesting.shallow(utf8(bytes(holdable(body)[0]))))
