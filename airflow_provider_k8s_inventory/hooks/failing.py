"""Turn our errors into those that tell Airflow whether to try again, and leave the reason where the report finds it.

Which statuses of scopes are tried again is told in `transfers`.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from typing import Any, Final, TypeVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_k8s_inventory.exceptions import (
    DestructiveChangeError,
    InventoryError,
    KubeconfigError,
    NewerSchemaError,
    UsageError,
)

FAILURE_KEY: Final = "failure"
"""The XCom that says why a task failed. Airflow removes it when the task starts again."""

_F = TypeVar("_F", bound=Callable[..., Any])


def fail_without_retry(execute: _F) -> _F:
    """Let an operator's `execute` raise our errors: no retries are spent on what only a person can put right.

    The log gets the reason once, without the exceptions that led to it: they are ours, and their texts are in it.
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
        except Exception as error:
            _leave(context, f"{type(error).__name__}; its log says more")
            raise
        _leave(context, str(failed))
        raise failed.with_traceback(None) from None

    return wrapped  # type: ignore[return-value]


def _told(error: InventoryError) -> Exception:
    if isinstance(error, KubeconfigError):
        # kubectl writes the file in place: who reads it meanwhile finds a part of it, mostly one that is no YAML.
        # https://github.com/kubernetes/client-go/blob/master/tools/clientcmd/loader.go
        return KubeconfigError(f"on {socket.gethostname()}: {error}")
    hopeless = isinstance(error, (UsageError, DestructiveChangeError, NewerSchemaError))
    return AirflowFailException(str(error)) if hopeless else error


def _leave(context: Any, reason: str) -> None:
    ti = context["ti"]
    value = {"reason": reason, "host": socket.gethostname(), "map_index": ti.map_index, "try_number": ti.try_number}
    ti.xcom_push(key=FAILURE_KEY, value=value)
