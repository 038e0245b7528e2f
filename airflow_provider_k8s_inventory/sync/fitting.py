"""Tell whether PostgreSQL's types can hold the values of a row; what cannot be told without it, `storing` finds out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from types import MappingProxyType
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.kube.text import replace_escapes

_UNHOLDABLE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})")
"""NUL and lone surrogates are legal in JSON, and neither text nor jsonb takes them:
https://www.postgresql.org/docs/current/datatype-json.html"""
LONGEST: Final = 512
"""Bytes of a text that is part of a key or an index: PostgreSQL's B-trees take rows of up to 2,704 bytes, and a key may
have five parts. Kubernetes' own names have up to 253, aggregated APIs may do as they like."""

_LARGEST: Final = 100
"""Digits before and behind the point of a number; Kubernetes' own quantities have at most 18 and 9."""


def sanitize(item: bytes | msgspec.Raw) -> tuple[bytes | msgspec.Raw, int]:
    """Put U+FFFD in the place of every NUL and lone surrogate.

    :param item: JSON text.
    :returns: the text, and how many characters were replaced.
    """
    return replace_escapes(item, _UNHOLDABLE)


def holds_integer(value: int) -> bool:
    """Tell if it is within four bytes."""
    return -0x8000_0000 <= value <= 0x7FFF_FFFF


def holds_bigint(value: int) -> bool:
    """Tell if it is within eight bytes."""
    return -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF


@lru_cache
def holds_numeric(value: Decimal) -> bool:
    """Tell if it is a number of a size that something in a cluster may have, and has no endless tail of digits."""
    return value.is_finite() and value.adjusted() < _LARGEST and -int(value.as_tuple().exponent) < _LARGEST


def holds_time(value: datetime) -> bool:
    """Tell if it is, in UTC, in one of the years that Python has too: a reader that has not fails at all rows."""
    if 1 < value.year < 9999:
        return True
    offset = value.utcoffset()
    try:
        return offset is not None and value.replace(tzinfo=None) - offset is not None
    except OverflowError:
        return False


def holds_inet(value: str) -> bool:
    """Tell if ``inet`` takes it: neither a zone (``%eth0``) nor a mask, nor leading zeros.

    Old API servers let leading zeros through (CVE-2021-29923). It takes a tenth of what `ipaddress` takes.
    """
    try:
        inet_pton(AF_INET6 if ":" in value else AF_INET, value)
    except (OSError, ValueError):
        return False
    return True


def holds_inets(values: list[str]) -> bool:
    """Tell if ``inet`` takes them all."""
    return all(map(holds_inet, values))


HOLDS: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "integer": holds_integer,
        "bigint": holds_bigint,
        "numeric": holds_numeric,
        "timestamp with time zone": holds_time,
        "inet": holds_inet,
        "inet[]": holds_inets,
    }
)
"""By PostgreSQL's name of a type: whether a value, which is not None, is one of it."""


def is_long(text: str) -> bool:
    """Tell if a text is too long for a key or an index."""
    # A character has up to four bytes.
    return len(text) > LONGEST // 4 and len(text.encode()) > LONGEST
