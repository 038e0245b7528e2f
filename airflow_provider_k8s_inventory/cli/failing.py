"""Turn our errors into what a command line owes its caller: a message on stderr, and an exit status."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import IO, Any, TypeVar

import click

from airflow_provider_k8s_inventory.cli import logs
from airflow_provider_k8s_inventory.exceptions import InventoryError, UsageError

_F = TypeVar("_F", bound=Callable[..., Any])


class _Failure(click.ClickException):
    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # click shows it when the command, and with it the choice of the log, is gone.
        self._as_json = logs.is_json()

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it, or log it in JSON."""
        if self._as_json:
            logging.getLogger(__name__).error("%s", self.format_message())
        else:
            super().show(file)


class _Misuse(_Failure):
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
