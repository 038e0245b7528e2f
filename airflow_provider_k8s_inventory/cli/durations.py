"""Spans of time as people write them: ``2h``, ``1d12h``, ``90m``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import click

_WRITTEN: Final = re.compile(r"(?=.)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def span(context: click.Context, parameter: click.Parameter, value: str) -> timedelta:
    """Read an option's value; its callback."""
    match = _WRITTEN.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"{value!r} is no span of time; write 45s, 90m, 2h or 1d12h")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise click.BadParameter(f"{value!r} is longer than can be counted") from None


def told(length: timedelta) -> str:
    """Tell a span by its two largest units: ``3 h 12 min``."""
    # Clocks of two machines differ: a little less than nothing is nothing.
    seconds = max(0, int(length.total_seconds()))
    units = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    first = next((place for place, (count, _) in enumerate(units) if count), len(units) - 1)
    shown = [f"{count} {unit}" for place, (count, unit) in enumerate(units) if first <= place <= first + 1 and count]
    return " ".join(shown) or "0 s"
