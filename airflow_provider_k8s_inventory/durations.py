"""Spans of time as people write and read them: ``2h``, ``1d12h``, ``90m``; ``3 h 12 min``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from airflow_provider_k8s_inventory.exceptions import UsageError

_WRITTEN: Final = re.compile(r"(?=.)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def parse(value: str) -> timedelta:
    """Read a span.

    :raises UsageError: when it is none.
    """
    match = _WRITTEN.fullmatch(value)
    if match is None:
        raise UsageError(f"{value!r} is no span of time; write 45s, 90m, 2h or 1d12h")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise UsageError(f"{value!r} is longer than can be counted") from None


def told(length: timedelta, *, units: int = 2) -> str:
    """Tell a span by its largest units.

    :param units: how many.
    """
    # Clocks of two machines differ: a little less than nothing is nothing.
    seconds = max(0, int(length.total_seconds()))
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    shown = [f"{count} {unit}" for count, unit in parts[first : first + units] if count]
    return " ".join(shown) or "0 s"
