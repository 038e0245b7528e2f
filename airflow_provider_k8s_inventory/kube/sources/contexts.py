"""Contexts with everything needed to reach their clusters, and choosing among many."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from typing import Final

from airflow_provider_k8s_inventory.exceptions import UnknownContextError
from airflow_provider_k8s_inventory.kube.sources import proxies, quoting
from airflow_provider_k8s_inventory.kube.sources.credentials import Credentials

NAMES_SHOWN: Final = 20
"""The number of contexts that an error names; fleets have thousands."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class Context:
    """One context, and everything needed to reach its cluster; its repr shows no secret."""

    name: str
    cluster_name: str
    """The name of the kubeconfig's cluster entry."""
    server: str
    """The API server's URL, perhaps with a path, without a slash at the end, without user or password."""
    namespace: str | None = None
    ca_file: str | None = None
    """Absolute; None when the CA is embedded or the system's."""
    ca_data: str | None = None
    """PEM; wins over the file."""
    insecure_skip_verify: bool = False
    tls_server_name: str | None = None
    """The name to ask for and to expect in the certificate, when it is not the server's."""
    proxy_url: str | None = None
    """With user and password, when it has them: never show it."""
    disable_compression: bool = False
    impersonation: tuple[tuple[str, str], ...] = ()
    """HTTP headers; a name may come several times."""
    credentials: Credentials = field(default_factory=Credentials)
    warnings: tuple[str, ...] = ()
    """Remarks on how the kubeconfig was read, though the context can be used."""
    problem: str | None = None
    """The reason why the cluster cannot be reached, ready to be shown: raised when the context is used, not before."""

    def __repr__(self) -> str:
        return f"Context(name={self.name!r}, cluster_name={self.cluster_name!r}, server={self.server!r})"

    @property
    def is_tls(self) -> bool:
        """Whether the server's URL is an https:// one."""
        return self.server.startswith("https://")

    @property
    def proxy(self) -> str | None:
        """The URL of the proxy that leads to the server, which the kubeconfig or the environment names: never show it.

        None: a direct connection.
        """
        return self.proxy_url or proxies.from_environment(self.server, os.environ)

    def secrets(self) -> tuple[str, ...]:
        """Return every text that must not be shown, as far as it is known now."""
        known = (*self.credentials.secrets(), *proxies.secrets(self.proxy or ""))
        return tuple(dict.fromkeys(text for text in known if text))

    def redact(self, text: str, *, shortest: int = quoting.SHORTEST_SECRET) -> str:
        """Redact every secret in a text that others wrote and we show.

        :param shortest: leave secrets of fewer characters alone.
        """
        return quoting.redacted(text, (secret for secret in self.secrets() if len(secret) >= shortest))

    def excerpt(self, text: str, *, whole: bool = True) -> str:
        """Cut what others wrote to what can be quoted, without secrets; see `quoting.excerpt`."""
        return quoting.excerpt(text, self.secrets(), whole=whole)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kubeconfig:
    """The contexts of one or several merged kubeconfig files, of a Connection, or of the pod we run in."""

    contexts: Mapping[str, Context]
    """By name, in the order of the files."""
    current: str | None
    """The current context's name, which need not exist."""
    source: str
    """The origin, for messages: the files, or for example ``"connection k8s_inventory"``."""

    def context(self, name: str) -> Context:
        """Return the context of just that name, which is no glob.

        :raises UnknownContextError: when there is none.
        """
        if name in self.contexts:
            return self.contexts[name]
        raise self.unknown(name)

    def unknown(self, wanted: str) -> UnknownContextError:
        """Make the error of a name or a glob that is none of its contexts, naming those it has."""
        return UnknownContextError(f"no context {wanted!r} in {self.source}; it has {_listed(wanted, self.contexts)}")


def select(kubeconfig: Kubeconfig, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> tuple[Context, ...]:
    """Select the contexts that are asked for, in the kubeconfig's order.

    :param include: names or globs (``*``, ``?``, ``[…]``, case matters); empty means all.
    :param exclude: names or globs to leave out; one that matches nothing is no error.
    :raises UnknownContextError: when something included matches no context, or nothing is left.
    """
    names = list(kubeconfig.contexts)
    for pattern in include:
        if not any(_matches(name, pattern) for name in names):
            raise kubeconfig.unknown(pattern)
    wanted = [
        name
        for name in names
        if (not include or any(_matches(name, pattern) for pattern in include))
        and not any(_matches(name, pattern) for pattern in exclude)
    ]
    if not wanted:
        raise UnknownContextError(
            f"no context of {kubeconfig.source} is left: {', '.join(exclude)} excludes every one that was asked for"
        )
    return tuple(kubeconfig.contexts[name] for name in wanted)


def _matches(name: str, pattern: str) -> bool:
    """Tell if a name matches; an exact one always does, even with a glob's characters in it."""
    return name == pattern or fnmatchcase(name, pattern)


def _listed(wanted: str, names: Iterable[str]) -> str:
    """List the names, those most like the wanted one first."""
    nearest = sorted(names, key=lambda name: -SequenceMatcher(None, wanted.lower(), name.lower()).ratio())
    shown = ", ".join(nearest[:NAMES_SHOWN])
    return f"{shown} and {len(nearest) - NAMES_SHOWN} more" if len(nearest) > NAMES_SHOWN else shown
