"""Times as values of options: ISO 8601, or how long ago it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import click

from airflow_provider_k8s_inventory import durations
from airflow_provider_k8s_inventory.exceptions import UsageError

_LONGEST: Final = timedelta(days=36_500)
HELP: Final = "2h, 1d12h ago, or 2026-11-27T11:00, 2026-11-27 11:00Z."


def moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | timedelta | None:
    """Read an option's value; its callback. A time without a zone is of this machine's."""
    if value is None:
        return None
    try:
        ago = durations.parse(value)
    except UsageError:
        ago = None
    if ago is not None:
        if ago > _LONGEST:
            raise click.BadParameter(f"{value!r} is longer ago than anything is known of")
        return ago
    try:
        found = datetime.fromisoformat(value.strip()).astimezone()
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{value!r} is no time; write {HELP}") from None
    if found > datetime.now(UTC) + timedelta(minutes=5):  # clocks of two machines differ
        raise click.BadParameter(f"{value!r} is in the future")
    return found
