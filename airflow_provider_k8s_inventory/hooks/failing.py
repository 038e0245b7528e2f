"""Turn our errors into those that tell Airflow whether to try again; those of scopes are told in `transfers`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_k8s_inventory.exceptions import KubeconfigError, UsageError

_F = TypeVar("_F", bound=Callable[..., Any])


def unretried(execute: _F) -> _F:
    """Let an operator's `execute` raise our errors: no retries are spent on wrong usage.

    A kubeconfig that cannot be read is the exception.
    """

    @functools.wraps(execute)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return execute(*args, **kwargs)
        except KubeconfigError:
            # kubectl writes the file in place: who reads it meanwhile finds a part of it.
            # https://github.com/kubernetes/client-go/blob/master/tools/clientcmd/loader.go
            raise
        except UsageError as error:
            raise AirflowFailException(str(error)) from error

    return wrapped  # type: ignore[return-value]
