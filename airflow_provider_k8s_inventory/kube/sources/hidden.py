"""Warn of entries that merging hides: of several kubeconfigs the first to name one has it, and its content may differ.

kubeadm calls every cluster ``kubernetes`` and every user ``kubernetes-admin``: merge two of its kubeconfigs, and the
contexts of the second lead to the cluster of the first. kubectl does the same without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from airflow_provider_k8s_inventory.kube.sources.documents import Document, Entry, Kind, Merged
from airflow_provider_k8s_inventory.kube.sources.entries import beside

_NAMED: Final[tuple[Kind, ...]] = ("cluster", "user")
"""The kinds of entries that a context names, each in a field that is called so."""
_PATHS: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def warnings(name: str, merged: Merged) -> tuple[str, ...]:
    """Make a sentence for every entry that a context has lost to an earlier kubeconfig, its own included.

    :param name: the context's.
    """
    found = (sentence for document in merged.documents[name] for sentence in _lost(name, document, merged))
    return tuple(dict.fromkeys(found))


def _lost(name: str, document: Document, merged: Merged) -> Iterator[str]:
    """Say what a kubeconfig has of its context that does not count."""
    context = document.entries["context"][name]
    winner = merged.entries["context"][name]
    parts = [sentence for kind in _NAMED for sentence in _hidden(kind, context.value.get(kind), document, merged)]
    if winner is not context and (parts or _content(winner) != _content(context)):
        yield f"context {name!r} of {document.source} is hidden by that of {winner.source}, which leads elsewhere"
    yield from parts


def _hidden(kind: Kind, name: Any, document: Document, merged: Merged) -> Iterator[str]:
    name = "" if name is None else name
    entry = document.entries[kind].get(name) if isinstance(name, str) else None
    winner = merged.entries[kind].get(name) if entry else None
    if entry and winner and winner is not entry and _content(winner) != _content(entry):
        yield (
            f"{kind} {name!r} of {document.source} is hidden by that of {winner.source}, which has other content; "
            "rename one of them"
        )


def _content(entry: Entry) -> tuple[Mapping[str, Any], str | None]:
    """Return the content of an entry, with its relative paths made absolute and without nulls."""
    value = {key: item for key, item in entry.value.items() if item is not None}
    for field in _PATHS:
        if isinstance(path := value.get(field), str):
            value[field] = beside(entry.folder, path)
    return value, entry.problem
