"""Turn our errors into those that tell Airflow whether to try again; those of scopes are told in `transfers`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_k8s_inventory.exceptions import (
    DestructiveChangeError,
    KubeconfigError,
    NewerSchemaError,
    UsageError,
)

_F = TypeVar("_F", bound=Callable[..., Any])


def unretried(execute: _F) -> _F:
    """Let an operator's `execute` raise our errors: no retries are spent on what only a person can put right.

    A kubeconfig that cannot be read may be another one a moment later.
    """

    @functools.wraps(execute)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return execute(*args, **kwargs)
        except KubeconfigError:
            # kubectl writes the file in place: who reads it meanwhile finds a part of it, mostly one that is no YAML.
            # https://github.com/kubernetes/client-go/blob/master/tools/clientcmd/loader.go
            raise
        except (UsageError, DestructiveChangeError, NewerSchemaError) as error:
            raise AirflowFailException(str(error)) from error

    return wrapped  # type: ignore[return-value]
