"""Read a kubeconfig's cluster entry: where the API server is and how to verify it.

Who we are to it is in `users`; the TLS context is made in `tls`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnreachableError
from airflow_provider_k8s_inventory.kube.sources import proxies
from airflow_provider_k8s_inventory.kube.sources.documents import Entry
from airflow_provider_k8s_inventory.kube.sources.entries import beside, embedded, typed
from airflow_provider_k8s_inventory.kube.sources.goyaml import NotYamlError, plain

EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"
"""The name under which a cluster entry holds what it tells exec plugins."""


class _Extension(msgspec.Struct, frozen=True):
    name: str = ""
    extension: Any = None


class _Cluster(msgspec.Struct, rename="kebab", frozen=True):
    """Fields of https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#Cluster objects."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[_Extension] = []


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Server:
    """An API server that a cluster entry describes well enough to be asked."""

    name: str
    """The cluster entry's."""
    url: str
    """Without a slash at the end."""
    ca_file: str | None = None
    ca_data: str | None = None
    """PEM; wins over the file."""
    insecure: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None
    disable_compression: bool = False
    exec_config: Any = None
    """The configuration that exec plugins are given."""


def server(entry: Entry, owner: str) -> Server:
    """Read a cluster entry.

    :param owner: the owner, for messages.
    :raises UnreachableError: when it says nothing that could be reached.
    """
    fields = typed(_Cluster, entry, owner, UnreachableError)
    data, file = fields.certificate_authority_data, fields.certificate_authority
    if fields.insecure_skip_tls_verify and (data or file):
        raise UnreachableError(
            f"{owner}: both a certificate authority and insecure-skip-tls-verify; keep one, as kubectl demands"
        )
    return Server(
        name=entry.name,
        url=_url(fields, owner),
        ca_file=beside(entry.folder, file) if file and not data else None,
        ca_data=embedded(data, owner, "certificate-authority-data", UnreachableError) if data else None,
        insecure=fields.insecure_skip_tls_verify,
        tls_server_name=_server_name(fields.tls_server_name, owner) or None,
        proxy_url=_proxy(fields.proxy_url, owner) if fields.proxy_url else None,
        disable_compression=fields.disable_compression,
        exec_config=_exec_config(fields, entry, owner),
    )


def _exec_config(fields: _Cluster, entry: Entry, owner: str) -> Any:
    """Return what exec plugins are told; extensions of other names are not read."""
    try:
        return plain(next((one.extension for one in fields.extensions if one.name == EXEC_EXTENSION), None))
    except NotYamlError as error:
        raise UnreachableError(f"{owner}: {error}, in {entry.source}") from None


def _url(fields: _Cluster, owner: str) -> str:
    """Complete the URL as client-go does: no scheme means https when TLS is set up, else http."""
    url = fields.server.strip()
    if not url:
        raise UnreachableError(f"{owner}: its cluster has no `server`; add the URL of the API server")
    if "://" not in url:
        tls = fields.certificate_authority or fields.certificate_authority_data or fields.insecure_skip_tls_verify
        url = f"https://{url}" if tls else f"http://{url}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        usable = False
    if not usable:
        raise UnreachableError(f"{owner}: its cluster's `server` is no http:// or https:// URL; correct it")
    if "@" in parts.netloc:
        raise UnreachableError(f"{owner}: its cluster's `server` holds a user name; put it into the user's entry")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _server_name(name: str, owner: str) -> str:
    try:
        name.encode("idna")  # as Python's ssl does
    except UnicodeError:
        raise UnreachableError(f"{owner}: its cluster's tls-server-name is no host name; correct it") from None
    return name


def _proxy(url: str, owner: str) -> str:
    if not proxies.usable(url):
        raise UnreachableError(
            f"{owner}: its cluster's proxy-url is no URL of {', '.join(proxies.SCHEMES)}; correct it"
        )
    return url
