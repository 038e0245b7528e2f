"""Read kubeconfigs, find their entries, and merge several as kubectl does.

YAML is read in `goyaml`, an entry in `entries`; what it means is decided in `kubeconfig`, `servers` and `users`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from airflow_provider_k8s_inventory.exceptions import KubeconfigError
from airflow_provider_k8s_inventory.kube.sources import goyaml
from airflow_provider_k8s_inventory.kube.sources.goyaml import NotYamlError, Unreadable

LARGEST: Final = 32 << 20
"""Bytes of a kubeconfig; 2,000 contexts with a CA, a certificate and a key of their own have 12 MB."""

_REWRITE: Final = "give what `kubectl config view --raw --flatten -o json` prints"

Kind = Literal["context", "cluster", "user"]
KINDS: Final[tuple[Kind, ...]] = ("context", "cluster", "user")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One named context, cluster or user, and where it was read."""

    name: str
    value: Mapping[str, Any]
    folder: Path | None
    """The folder of its relative paths; None when it came in no file."""
    source: str
    problem: str | None = None
    """The reason why it cannot be used, to go on from the source: kubectl reads no such file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """The entries of one kubeconfig by kind and name, in its order."""

    source: str
    current: str | None
    entries: Mapping[Kind, dict[str, Entry]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """The entries by name, in order; of several documents the first to name one has it."""

    entries: Mapping[Kind, dict[str, Entry]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    current: str | None = None
    documents: Mapping[str, list[Document]] = field(default_factory=dict)
    """By the name of a context: all those that have it, in order."""


def read(path: Path) -> bytes | None:
    """Read a kubeconfig file; None when there is no such file.

    :raises KubeconfigError: when it is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)  # `decode` tells that it is too long
    except FileNotFoundError:
        return None
    except IsADirectoryError as error:
        raise KubeconfigError(f"kubeconfig {path} is a folder; name the file in it") from error
    except OSError as error:
        raise KubeconfigError(
            f"kubeconfig {path} cannot be read: {error.strerror}; check that this process's user may read it"
        ) from error
    except ValueError:
        raise KubeconfigError(f"kubeconfig {str(path)!r} cannot be read: no file has NUL in its name") from None


def decode(text: str | bytes, source: str) -> Any:
    """Decode JSON or the first document of YAML, perhaps with `Unreadable` in it.

    :raises KubeconfigError: naming the line. Never the text there: it may hold a credential.
    """
    _check_size(text, source)
    # First as JSON: YAML is slower by far. It counts the values, though.
    if _commas(text) < goyaml.MOST_VALUES:
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            return msgspec.json.decode(text)
    try:
        return goyaml.read(text)
    except NotYamlError as error:
        raise _not_yaml(source, error) from None


def decode_whole(text: str | bytes, source: str) -> Any:
    """Decode as `decode` does, but nothing in it may be unreadable; nulls are left out.

    :raises KubeconfigError: as `decode`.
    """
    try:
        return goyaml.plain(decode(text, source))
    except NotYamlError as error:
        raise _not_yaml(source, error) from None


def decode_all(text: str | bytes, source: str) -> list[Any]:
    """Decode the documents of a YAML file, which ``---`` divides.

    :raises KubeconfigError: as `decode_whole`.
    """
    _check_size(text, source)
    try:
        return [goyaml.plain(document) for document in goyaml.read_all(text)]
    except NotYamlError as error:
        raise _not_yaml(source, error) from None


def _check_size(text: str | bytes, source: str) -> None:
    if len(text) > LARGEST:
        raise KubeconfigError(f"{source} has more than {LARGEST >> 20} MiB, the most that is read; is it the file?")


def _commas(text: str | bytes) -> int:
    """Count the values that it may have, were it JSON, but for one."""
    return text.count(",") + text.count("[") if isinstance(text, str) else text.count(b",") + text.count(b"[")


def _not_yaml(source: str, error: NotYamlError) -> KubeconfigError:
    return KubeconfigError(f"{source} is not YAML: {error}")


def merge(documents: Iterable[tuple[Any, Path | None, str]]) -> Merged:
    """Merge decoded documents as kubectl does: per entry and name, the first wins whole.

    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files

    :param documents: each with the folder of its relative paths and its source, for messages.
    :raises KubeconfigError: when one of them has not the shape of a kubeconfig. An entry that has not its shape
        matters to those contexts only that need it.
    """
    entries: dict[Kind, dict[str, Entry]] = {kind: {} for kind in KINDS}
    by_context: dict[str, list[Document]] = {}
    current = None
    for value, folder, source in documents:
        document = _document(value, folder, source)
        current = current or document.current
        for kind in KINDS:
            for name, entry in document.entries[kind].items():
                entries[kind].setdefault(name, entry)
        for name in document.entries["context"]:
            by_context.setdefault(name, []).append(document)
    return Merged(entries=entries, current=current, documents=by_context)


def _document(value: Any, folder: Path | None, source: str) -> Document:
    if value is None:  # an empty file; kubectl accepts it too
        value = {}
    if not isinstance(value, Mapping):
        raise KubeconfigError(f"{source} is not a kubeconfig: it holds {kind_of(value)}; {_REWRITE}")
    current = value.get("current-context")
    return Document(
        source=source,
        current=current if current and isinstance(current, str) else None,
        entries={kind: _entries(kind, value, folder, source) for kind in KINDS},
    )


def _entries(kind: Kind, document: Mapping[str, Any], folder: Path | None, source: str) -> dict[str, Entry]:
    """Find the entries of one kind by name; several of one name are one with a problem, as with kubectl."""
    items = document.get(f"{kind}s")
    if items is None:
        return {}
    if not isinstance(items, list):
        raise KubeconfigError(f"{source} is not a kubeconfig: its {kind}s are {kind_of(items)}, not a list")
    found: dict[str, Entry] = {}
    for item in items:
        name, value, problem = _named(kind, item)
        if name in found:
            problem = "has two entries of the same name; remove or rename one"
        found[name] = Entry(name=name, value=value, folder=folder, source=source, problem=problem)
    return found


def _named(kind: Kind, item: Any) -> tuple[str, Mapping[str, Any], str | None]:
    """Return the name of an entry, its value, and its problem. Go takes null, and what is missing, for empty."""
    item = {} if item is None else item
    if not isinstance(item, Mapping):
        return "", {}, f"has {kind_of(item)} in the place of a {kind}; {_advice(item)}"
    name, value = item.get("name"), item.get(kind)
    name, value = "" if name is None else name, {} if value is None else value
    if None in item:
        problem = f"has a {kind} that cannot be read: {item[None].problem}"
    elif not isinstance(name, str):
        problem = f"has a {kind} whose name is {kind_of(name)}; {_advice(name)}"
    elif not isinstance(value, Mapping):
        problem = f"has {kind_of(value)} in the place of what the {kind} holds; {_advice(value)}"
    elif "\0" in name:
        problem = f"has a {kind} whose name holds NUL; rename it"
    else:
        return name, value, None
    return _text(name), value if isinstance(value, Mapping) else {}, problem


def _text(name: Any) -> str:
    """Make up a name for an entry that has none which can be used, so that messages can name it."""
    if isinstance(name, bool):
        return str(name).lower()
    return str(name).replace("\0", "\\0") if isinstance(name, str | int | float) else ""


def _advice(value: Any) -> str:
    if isinstance(value, Unreadable):
        return value.problem
    return "put it in quotes" if isinstance(value, bool | int | float) else "correct it there"


def kind_of(value: Any) -> str:
    """Name the kind of a value, for messages."""
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a mapping", str: "text"}
    return names.get(type(value), "something that cannot be read")
