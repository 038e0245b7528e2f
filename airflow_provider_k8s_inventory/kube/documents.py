"""The text of kubeconfigs: reading files, their shape, and merging several as kubectl does.

What an entry means is decided in `kubeconfig` and `users`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml

from airflow_provider_k8s_inventory.exceptions import KubeconfigError

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # absent where libyaml is


class _NamedContext(msgspec.Struct):
    name: str
    context: dict[str, Any] = {}


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: dict[str, Any] = {}


class _NamedUser(msgspec.Struct):
    name: str
    user: dict[str, Any] = {}


class _Document(msgspec.Struct, rename="kebab"):
    """One kubeconfig; what entries hold is looked at when they are used."""

    current_context: str = ""
    contexts: list[_NamedContext] = []
    clusters: list[_NamedCluster] = []
    users: list[_NamedUser] = []


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One named context, cluster or user, and where it was read."""

    value: Mapping[str, Any]
    folder: Path | None
    """What its relative paths are relative to; None when it came in no file."""
    source: str
    twice: bool = False
    """Whether its document has another of the same name; kubectl reads no such file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """The entries by name, in order; of several documents the first to name one has it."""

    contexts: dict[str, Entry] = field(default_factory=dict)
    clusters: dict[str, Entry] = field(default_factory=dict)
    users: dict[str, Entry] = field(default_factory=dict)
    current: str | None = None


def read(path: Path) -> bytes | None:
    """The content of a kubeconfig file; None when there is no such file.

    :raises KubeconfigError: when it is there and cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except IsADirectoryError as error:
        raise KubeconfigError(f"kubeconfig {path} is a folder; name the file in it") from error
    except OSError as error:
        raise KubeconfigError(
            f"kubeconfig {path} cannot be read: {error.strerror}; check that this process's user may read it"
        ) from error


def decode(text: str | bytes, source: str) -> Any:
    """YAML or JSON as Python values.

    :raises KubeconfigError: naming the line. Never the text there: it may hold a credential.
    """
    try:
        # First as JSON: YAML is slower by far, and rejects tabs.
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        pass
    with _untold(source):
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (it is a safe loader)


def decode_all(text: str | bytes, source: str) -> list[Any]:
    """The documents of a YAML file, which ``---`` divides, as Python values.

    :raises KubeconfigError: as `decode`.
    """
    with _untold(source):
        return list(yaml.load_all(text, Loader=_Loader))


@contextmanager
def _untold(source: str) -> Iterator[None]:
    """Turn YAML's errors into ours, which do not tell the text."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise KubeconfigError(f"{source} is not YAML: {where}{error.problem}; correct it there") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise KubeconfigError(f"{source} is not YAML, or not text ({type(error).__name__}); is it the file?") from None


def merge(documents: Iterable[tuple[Any, Path | None, str]]) -> Merged:
    """Merge decoded documents as kubectl does: per entry and name, the first wins whole.

    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files

    :param documents: each with the folder of its relative paths and its source, for messages.
    :raises KubeconfigError: when one of them has not the shape of a kubeconfig.
    """
    contexts: dict[str, Entry] = {}
    clusters: dict[str, Entry] = {}
    users: dict[str, Entry] = {}
    current = None
    for value, folder, source in documents:
        document = _shaped(value, source)
        current = current or document.current_context or None
        _add(contexts, ((one.name, one.context) for one in document.contexts), folder, source)
        _add(clusters, ((one.name, one.cluster) for one in document.clusters), folder, source)
        _add(users, ((one.name, one.user) for one in document.users), folder, source)
    return Merged(contexts=contexts, clusters=clusters, users=users, current=current)


def _add(
    merged: dict[str, Entry], entries: Iterable[tuple[str, Mapping[str, Any]]], folder: Path | None, source: str
) -> None:
    document: dict[str, Entry] = {}
    for name, value in entries:
        document[name] = Entry(value=value, folder=folder, source=source, twice=name in document)
    for name, entry in document.items():
        merged.setdefault(name, entry)


def _shaped(value: Any, source: str) -> _Document:
    if value is None:  # an empty file; kubectl accepts it too
        return _Document()
    if not isinstance(value, Mapping):
        raise KubeconfigError(f"{source} is not a kubeconfig: it holds {_kind(value)}, not contexts, clusters, users")
    try:
        return msgspec.convert(without_nulls(value), _Document)
    except msgspec.ValidationError as error:
        raise KubeconfigError(f"{source} is not a kubeconfig: {error}; compare it with `kubectl config view`") from None


def without_nulls(value: Any) -> Any:
    """The value without the keys that are null: Go, and so kubectl, takes them for absent."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a single value"
