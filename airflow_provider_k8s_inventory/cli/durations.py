"""Spans of time as values of options."""

from __future__ import annotations

from datetime import timedelta

import click

from airflow_provider_k8s_inventory import durations
from airflow_provider_k8s_inventory.exceptions import UsageError


def span(context: click.Context, parameter: click.Parameter, value: str) -> timedelta:
    """Read an option's value; its callback."""
    try:
        return durations.parse(value)
    except UsageError as error:
        raise click.BadParameter(str(error)) from None
