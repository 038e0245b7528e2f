"""Check the fields of a Connection: one that is misspelt must not send a sync to another cluster.

Their values are read in `connections`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from airflow_provider_k8s_inventory.exceptions import UsageError

_READ: Final = frozenset(
    {"kube_config_path", "in_cluster", "cluster_context", "namespace", "disable_verify_ssl", "page_size"}
)
KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "k8s_inventory": _READ | {"kube_config_secret"},
    "kubernetes": _READ | {"kube_config"},
}
"""The fields of the extra that are read, by the connection's type."""
_STOCK: Final = frozenset(
    {
        "disable_tcp_keepalive",
        "xcom_sidecar_container_image",
        "xcom_sidecar_container_resources",
        "xcom_sidecar_container_security_context",
    }
)
"""Further fields of Airflow's own hook, about pods that it starts."""
_OLD: Final = re.compile(r"extra__[a-z0-9_]+?__", re.IGNORECASE)
"""Connections made before Airflow 2.3 carry the type in the name of each field."""
_LIKENESS: Final = 0.6
"""``kube_config_pth`` is like a known name, ``xcom_sidecar`` is not."""
_STANDARD: Final = ("host", "login", "password", "schema", "port")


def check(kind: str, source: str, extra: Mapping[str, Any]) -> Iterator[str]:
    """Refuse fields that nothing reads and that may be meant for one that is read.

    :param kind: the connection's type, one of `KNOWN`.
    :param source: the connection, for messages.
    :returns: what should be known of the other ones.
    :raises UsageError: for the type `k8s_inventory`, whatever is not known; for `kubernetes`, what is like a known one.
    """
    known = KNOWN[kind]
    for written, value in extra.items():
        if value in (None, ""):
            continue
        name = written.removeprefix(f"extra__{kind}__")
        if name in known or (kind == "kubernetes" and name in _STOCK):
            continue
        if meant := _meant(_plain(written), known):
            raise UsageError(f"{source}: nothing reads its field {written!r}; did you mean {meant}?")
        if kind == "k8s_inventory":
            raise UsageError(f"{source}: nothing reads its field {written!r}; {_hint(name, extra)}")
        yield f"{source}: nothing here reads its field {written!r}"


def check_standard(connection: Any, source: str, *, leads_somewhere: bool) -> Iterator[str]:
    """Refuse a host or a login that was meant to say which cluster, where nothing else does.

    A port of 0 says nothing: it is what lets the Test button of Airflow 3.3 work.

    :param leads_somewhere: whether the fields that are read say which cluster.
    :raises UsageError: when they do not.
    """
    filled = [name for name in _STANDARD if getattr(connection, name, None)]
    if not filled:
        return
    names = " and ".join(filled)
    if not leads_somewhere and {"host", "login", "password"}.intersection(filled):
        raise UsageError(
            f"{source}: nothing reads its {names}, and nothing else says which cluster is meant: "
            "give a kubeconfig, as a file or as text"
        )
    yield f"{source}: nothing here reads its {names}"


def _meant(name: str, known: frozenset[str]) -> str | None:
    if name == "kube_config_secret" and name not in known:
        return "kube_config"  # what it is called in the other type
    return next(iter(get_close_matches(name, known, n=1, cutoff=_LIKENESS)), None)


def _plain(name: str) -> str:
    return _OLD.sub("", name.strip()).strip().lower().replace("-", "_").replace(" ", "_")


def _hint(name: str, extra: Iterable[str]) -> str:
    if name in _STOCK:
        return "Airflow's own type `kubernetes` has it, for pods that it starts: leave it out"
    if {"clusters", "contexts"} <= set(extra):
        return "this is a kubeconfig: put it, as text, into the field kube_config_secret"
    return f"those that are read are {', '.join(sorted(KNOWN['k8s_inventory']))}"
