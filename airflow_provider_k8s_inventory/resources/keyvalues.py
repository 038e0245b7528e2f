"""Read what config maps and secrets hold, so far as to tell keys, sizes and digests: their values go no further."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

_VALUES: Final = msgspec.json.Decoder(dict[str, str | None] | None)


def texts(raw: msgspec.Raw) -> dict[str, bytes]:
    """Read the texts by their keys."""
    return {key: (value or "").encode() for key, value in (_VALUES.decode(raw) or {}).items()}


def binary(raw: msgspec.Raw) -> dict[str, bytes]:
    """Read what is written in base64 by its keys.

    :raises ValueError: when a value is not base64. The message does not have it.
    """
    try:
        return {key: base64.b64decode(value or "") for key, value in (_VALUES.decode(raw) or {}).items()}
    except ValueError:
        raise ValueError("a value is not base64") from None


def sizes(values: Mapping[str, bytes]) -> tuple[list[str], str]:
    """Tell the keys, sorted, and as JSON how many bytes each has."""
    keys = sorted(values)
    return keys, msgspec.json.encode({key: len(values[key]) for key in keys}).decode()


def digests(values: Mapping[str, bytes]) -> str:
    """Tell as JSON the SHA-256 of each value, in hexadecimal."""
    return msgspec.json.encode({key: hashlib.sha256(values[key]).hexdigest() for key in sorted(values)}).decode()
