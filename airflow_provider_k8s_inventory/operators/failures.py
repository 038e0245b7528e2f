"""Turn our errors into those that tell Airflow whether to try again, and leave the reason where the report finds it."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from typing import Any, Final, TypeVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_k8s_inventory.exceptions import InventoryError, KubeconfigError, ScopeError, released
from airflow_provider_k8s_inventory.model import MEANINGS

FAILURE_KEY: Final = "failure"
"""The XCom that says why a task failed. Airflow removes it when the task starts again."""

_F = TypeVar("_F", bound=Callable[..., Any])


def fail_without_retry(execute: _F) -> _F:
    """Let an operator's `execute` raise our errors: no retries are spent on what only a person can put right.

    An error keeps its type, its data and its cause. The log shows their messages and no frames, which are all ours.
    """

    @functools.wraps(execute)
    def wrapped(self: Any, context: Any) -> Any:
        failed: Exception
        try:
            return execute(self, context)
        except InventoryError as error:
            failed = _told(error)
        except AirflowSkipException:
            raise
        except AirflowException as error:
            failed = error
            failed.__cause__ = None
        except Exception as error:
            _leave(context, f"{type(error).__name__}; its log says more")
            raise
        _leave(context, str(failed))
        raise released(failed) from failed.__cause__

    return wrapped  # type: ignore[return-value]


def needs_a_person(error: InventoryError) -> bool:
    """Tell if trying again is useless until somebody changes something."""
    return error.needs_a_person or (isinstance(error, ScopeError) and not MEANINGS[error.status].retried)


def _told(error: InventoryError) -> Exception:
    if isinstance(error, KubeconfigError):
        error = error.retold(f"on {socket.gethostname()}: {error}")
    told = without_retry(error) if needs_a_person(error) else error
    if not isinstance(error, ScopeError):
        # PostgreSQL's own messages quote rows and connection strings.
        told.__cause__ = None
    return told


def without_retry(error: InventoryError) -> Exception:
    """Make an error one that Airflow does not try again: with its data and its cause, and still of its own type."""
    kind = type(error)
    if not isinstance(error, AirflowFailException):
        kind = type(kind.__name__, (kind, AirflowFailException), {"__module__": __name__, "__doc__": kind.__doc__})
    made = kind.__new__(kind, *error.args)
    made.__dict__.update(error.__dict__)
    made.__cause__ = error.__cause__
    return made


def _leave(context: Any, reason: str) -> None:
    ti = context["ti"]
    value = {"reason": reason, "host": socket.gethostname(), "map_index": ti.map_index, "try_number": ti.try_number}
    ti.xcom_push(key=FAILURE_KEY, value=value)
