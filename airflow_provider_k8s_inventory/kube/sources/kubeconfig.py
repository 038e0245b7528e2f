"""Find kubeconfigs, read them, and make a `Context` of each of their contexts.

By a reader of our own, and not the official client's: one broken entry must cost only the contexts that need it, a
Connection must not run commands unless the author of the DAG allows it, and no message may hold a secret.

Files are read and merged in `documents`, clusters are understood in `servers`, users in `users`. What a kubeconfig
lacks, or has wrong (tried with ``kubectl get --raw /version`` of kubectl 1.36.3):

=================================  =============================  =========================================
In the kubeconfig                  kubectl                        Here
=================================  =============================  =========================================
no cluster, no ``server``          http://localhost:8080          error of the contexts that need it
a cluster that is not there        http://localhost:8080          error of the contexts that need it
no user                            asks for name and password     anonymous requests
a user that is not there           asks for name and password     error of the contexts that need it
a key without a certificate        asks for name and password     anonymous requests
a certificate without a key        error                          error of the contexts that need it
an entry without a name            its name is empty              its name is empty
two entries of one name in a file  refuses the file               error of the contexts that need it
a number where text belongs        refuses the file               error of the contexts that need it
exec without ``apiVersion``        error                          error of the contexts that need it
exec without ``interactiveMode``   error                          ``IfAvailable``, and nobody is there
a ``tokenFile`` that is not there  the token beside it            the token beside it
=================================  =============================  =========================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import KubeconfigError, UnauthorizedError, UnreachableError
from airflow_provider_k8s_inventory.kube.sources import documents, hidden, servers, users
from airflow_provider_k8s_inventory.kube.sources.contexts import Context, Kubeconfig, select
from airflow_provider_k8s_inventory.kube.sources.credentials import (
    Credentials,
    TokenFileCredentials,
    UnusableCredentials,
)
from airflow_provider_k8s_inventory.kube.sources.entries import find, typed
from airflow_provider_k8s_inventory.kube.sources.execplugins import Sessions

__all__ = ["Context", "Kubeconfig", "in_cluster", "load", "parse", "select"]

IN_CLUSTER: Final = "in-cluster"
"""The context's and the cluster's name, as a pod has no kubeconfig to give one."""
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""The folder where Kubernetes puts the credentials of a pod."""


class _Context(msgspec.Struct):
    """Fields of https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#Context objects."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


def load(paths: Sequence[str | Path] | None = None) -> Kubeconfig:
    """Read kubeconfig files, or whatever kubectl would read.

    :param paths: the files, each of which must exist, merged as kubectl merges. None, or none at all, means those of
        the environment variable ``KUBECONFIG`` (of which some may be missing), else ``~/.kube/config``, else the pod
        we run in.
    :raises KubeconfigError: when there is none, or one cannot be read. A context that names a broken user or cluster
        is no such error: it raises when it is used.
    """
    if paths:
        return _files([Path(os.path.expanduser(path)) for path in paths], must_exist=True)
    if variable := os.environ.get("KUBECONFIG"):
        return _files([Path(path) for path in dict.fromkeys(variable.split(os.pathsep)) if path], must_exist=False)
    home = Path(os.path.expanduser("~/.kube/config"))
    if documents.read(home) is not None:
        return _files([home], must_exist=True)
    try:
        return in_cluster()
    except KubeconfigError as error:
        raise KubeconfigError(
            f"no kubeconfig: KUBECONFIG is not set, {home} does not exist, and {error}; "
            "set KUBECONFIG, pass a path, or put the kubeconfig into an Airflow connection"
        ) from None


def in_cluster() -> Kubeconfig:
    """Return the cluster whose pod we run in, as the one context ``in-cluster``.

    :raises KubeconfigError: when this is no pod, or one without a service account.
    """
    folder = SERVICE_ACCOUNT
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not os.path.exists(folder / "token"):
        raise KubeconfigError("this is not a pod with a service account")
    ca = folder / "ca.crt"
    context = Context(
        name=IN_CLUSTER,
        cluster_name=IN_CLUSTER,
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=_namespace(folder / "namespace"),
        ca_file=str(ca) if ca.exists() else None,
        credentials=TokenFileCredentials(owner=f"context {IN_CLUSTER!r}", path=str(folder / "token")),
    )
    source = f"the pod's service account in {folder}"
    return Kubeconfig(contexts={IN_CLUSTER: context}, current=IN_CLUSTER, source=source)


def _namespace(path: Path) -> str | None:
    """Return the pod's namespace, which is only shown: that it cannot be read is no reason to fail."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def parse(document: str | Mapping[str, Any], *, source: str, allow_exec: bool = True) -> Kubeconfig:
    """Read a kubeconfig that came in no file.

    :param document: YAML or JSON text, or its values.
    :param source: its origin, for messages; for example ``"connection k8s_inventory"``.
    :param allow_exec: whether its users may run commands on this machine (``exec``, ``auth-provider``) and send what
        is in its files (``tokenFile``, ``client-certificate``, ``client-key``). Whoever may edit an Airflow
        connection may not do so by himself. A context that needs it raises `UnauthorizedError` when it is used.
    :raises KubeconfigError: when it is not a kubeconfig, or has no contexts.
    """
    value = documents.decode(document, source) if isinstance(document, str) else document
    return _kubeconfig([(value, None, source)], source=source, allow_exec=allow_exec)


def _files(paths: Sequence[Path], *, must_exist: bool) -> Kubeconfig:
    found = []
    for path in paths:
        content = documents.read(path)
        if content is None:
            if must_exist:
                raise KubeconfigError(f"no kubeconfig {path}: there is no such file; check the path")
            continue
        source = f"kubeconfig {path}"
        found.append((documents.decode(content, source), path.absolute().parent, source))
    if not found:
        names = ", ".join(map(str, paths)) or "nothing"
        raise KubeconfigError(
            f"no kubeconfig: KUBECONFIG names {names}, and there is no such file; correct or unset it"
        )
    return _kubeconfig(found, source=", ".join(source for _, _, source in found), allow_exec=True)


def _kubeconfig(found: Sequence[tuple[Any, Path | None, str]], *, source: str, allow_exec: bool) -> Kubeconfig:
    merged = documents.merge(found)
    if not merged.entries["context"]:
        raise KubeconfigError(f"{source} has no contexts; add one with `kubectl config set-context`")
    sessions = Sessions()
    contexts = {}
    for name in merged.entries["context"]:
        context = _context(name, merged, sessions, allow_exec=allow_exec)
        contexts[name] = replace(context, warnings=hidden.warnings(name, merged))
    return Kubeconfig(contexts=contexts, current=merged.current, source=source)


def _context(name: str, merged: documents.Merged, sessions: Sessions, *, allow_exec: bool) -> Context:
    """Make a context; what is wrong with it is kept in it, so that the others can be used."""
    owner = f"context {name!r}"
    parts = _Context()
    try:
        parts = typed(_Context, merged.entries["context"][name], owner, UnreachableError)
        entry = find(merged.entries["cluster"], parts.cluster, owner, "cluster", UnreachableError)
        server = servers.server(entry, owner)
    except UnreachableError as error:
        return Context(name=name, cluster_name=parts.cluster, server="", problem=str(error))
    credentials, impersonation = _authentication(parts.user, merged, server, owner, sessions, allow_exec=allow_exec)
    return Context(
        name=name,
        cluster_name=parts.cluster,
        server=server.url,
        namespace=parts.namespace or None,
        ca_file=server.ca_file,
        ca_data=server.ca_data,
        insecure_skip_verify=server.insecure,
        tls_server_name=server.tls_server_name,
        proxy_url=server.proxy_url,
        disable_compression=server.disable_compression,
        impersonation=impersonation,
        credentials=credentials,
    )


def _authentication(
    name: str, merged: documents.Merged, server: servers.Server, owner: str, sessions: Sessions, *, allow_exec: bool
) -> tuple[Credentials, tuple[tuple[str, str], ...]]:
    """Return how the context authenticates, and as whom it acts."""
    known = merged.entries["user"]
    if not name and name not in known:  # kubectl uses a user without a name, where there is one
        return Credentials(), ()
    try:
        entry = find(known, name, owner, "user", UnauthorizedError)
        fields = users.user(entry, owner)
        credentials = users.credentials(fields, entry, server, owner, allow_exec=allow_exec, sessions=sessions)
        return credentials, users.impersonation(fields, owner)
    except UnauthorizedError as error:
        return UnusableCredentials(str(error)), ()
