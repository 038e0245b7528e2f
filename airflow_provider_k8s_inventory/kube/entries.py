"""Reading one entry of a kubeconfig: its type, its paths, its embedded PEM.

Where entries come from is in `documents`; what they mean is in `servers` and `users`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import ScopeError
from airflow_provider_k8s_inventory.kube.documents import Entry, without_nulls

T = TypeVar("T")


def find(entries: Mapping[str, Entry], name: str, owner: str, kind: str, error: type[ScopeError]) -> Entry:
    """The cluster or user that a context names.

    :param owner: whose it is, for messages.
    :param kind: ``"cluster"`` or ``"user"``, for messages.
    :raises ScopeError: of the given kind, when there is no such entry.
    """
    if name in entries:
        return entries[name]
    known = ", ".join(map(repr, entries)) or "none"
    raise error(f"{owner}: names the {kind} {name!r}, which the kubeconfig does not have; its {kind}s: {known}")


def typed(type_: type[T], entry: Entry, owner: str, error: type[ScopeError]) -> T:
    """An entry as its type; fields we do not know are let be.

    :raises ScopeError: of the given kind, naming the field and never its value.
    """
    if entry.twice:
        raise error(f"{owner}: {entry.source} has two entries of the same name; remove or rename one")
    try:
        return msgspec.convert(without_nulls(entry.value), type_)
    except msgspec.ValidationError as problem:
        raise error(f"{owner}: {problem}, in {entry.source}; text that looks like a number needs quotes") from None


def beside(folder: Path | None, path: str) -> str:
    """A path of a kubeconfig; relative ones are relative to its file."""
    return os.path.normpath(folder / path) if folder and path else path


def pem(data: str, owner: str, field: str, error: type[ScopeError]) -> str:
    """The text in a ``…-data`` field.

    :raises ScopeError: of the given kind, when it is not base64 of text.
    """
    try:
        return base64.b64decode("".join(data.split()), validate=True).decode("ascii")
    except ValueError:
        raise error(f"{owner}: {field} is not base64 of PEM; write it anew with `kubectl config set`") from None
