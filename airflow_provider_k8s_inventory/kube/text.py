"""Decode JSON that msgspec refuses: bytes that are not UTF-8, lone surrogates, and deep nesting.

API servers send all three, and one such object must not cost the list that it is in. msgspec refuses a lone surrogate
even in a field that it passes over.
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
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_REPLACEMENT: Final = rb"\ufffd"

UNDECODED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The errors of msgspec for JSON that it cannot decode, or not into that type."""

_T = TypeVar("_T")


def replace_escapes(
    body: bytes | msgspec.Raw, unwanted: re.Pattern[bytes] = _SURROGATE
) -> tuple[bytes | msgspec.Raw, int]:
    r"""Put U+FFFD in the place of unwanted escapes.

    :param body: JSON text.
    :param unwanted: matches the whole of an escape, such as ``\u0000``; that of half a pair is wanted in its pair.
    :returns: the text, and how many characters were replaced.
    """
    if not unwanted.search(body):
        return body, 0
    replaced = 0

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal replaced
        escape = match.group()
        if not unwanted.fullmatch(escape):
            return escape
        replaced += 1
        return _REPLACEMENT

    return _ESCAPE.sub(replace, bytes(body)), replaced


def utf8(body: bytes) -> bytes:
    """Put U+FFFD in the place of bytes that are not UTF-8."""
    return body.decode(errors="replace").encode()


def decode(decoder: msgspec.json.Decoder[_T], body: bytes | msgspec.Raw) -> _T:
    """Decode JSON, if need be with U+FFFD for what is no character, and null for what is nested too deeply.

    :raises msgspec.DecodeError: when it is no JSON, or of another type.
    :raises ValueError: when it is cut off.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except UNDECODED:
        return decoder.decode(nesting.shallow(utf8(bytes(replace_escapes(body)[0]))))
