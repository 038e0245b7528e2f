"""Turn our errors into what a command line owes its caller: a message on stderr, and an exit status."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from airflow_provider_k8s_inventory.exceptions import InventoryError, UsageError

_F = TypeVar("_F", bound=Callable[..., Any])


class _Failure(click.ClickException):
    exit_code = 1


class _Misuse(click.ClickException):
    exit_code = 2


def exit_with_status(command: _F) -> _F:
    """Let a command raise our errors: exit status 2 for wrong usage, 1 for everything else."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except UsageError as error:
            raise _Misuse(str(error)) from error
        except InventoryError as error:
            raise _Failure(str(error)) from error

    return wrapped  # type: ignore[return-value]
