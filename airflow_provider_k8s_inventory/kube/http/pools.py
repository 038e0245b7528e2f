"""Connections to the API server of one context: its TLS, its proxy, and nothing that is shared with another context.

Which proxy to take is in `proxies`; what is sent is in `client`.
"""

from __future__ import annotations

import ssl
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3

from airflow_provider_k8s_inventory.exceptions import UnreachableError
from airflow_provider_k8s_inventory.kube.http import lines, tls
from airflow_provider_k8s_inventory.kube.sources import proxies
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import basic


class _UnverifiedConnection(lines.Tls):
    """A connection without urllib3's warning at every request: insecure-skip-tls-verify asks for it."""

    def connect(self) -> None:
        super().connect()
        self.is_verified = True


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = lines.Plain


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = lines.Tls


class _UnverifiedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _UnverifiedConnection


def manager(context: Context, certificate: ClientCertificate | None, connections: int) -> urllib3.PoolManager:
    """Make the pool of connections of a context, none of them open yet.

    :param certificate: the one to present in the TLS handshake.
    :param connections: the number that is kept; as many as there may be requests at a time.
    :raises UnreachableError: when the CA cannot be read, or the proxy is of a kind we have no library for.
    :raises UnauthorizedError: when the certificate cannot be read.
    """
    trust = trust_of(context)
    if certificate:
        certificate.load_into(trust)
    proxy = proxy_of(context)
    options: dict[str, Any] = {
        "maxsize": connections,
        "ssl_context": trust,
        "server_hostname": context.tls_server_name,
        "socket_options": lines.OPTIONS,
    }
    if proxy and proxy.startswith("socks"):
        return _through_socks(context, proxy, options)
    made = _through_proxy(context, proxy, options) if proxy else urllib3.PoolManager(**options)
    made.pool_classes_by_scheme = {
        "http": _PlainPool,
        "https": _UnverifiedPool if context.insecure_skip_verify else _TlsPool,
    }
    return made


def close(connections: urllib3.PoolManager) -> None:
    """Close the connections that are open; `clear` leaves that to the garbage collector, which errors keep waiting."""
    keys = connections.pools.keys()  # the container itself refuses to be iterated
    for key in keys:
        if pool := connections.pools.get(key):
            pool.close()
    connections.clear()


def trust_of(context: Context, *, system_roots: bool = False) -> ssl.SSLContext:
    """Make the TLS context that verifies a context's API server.

    :param system_roots: trust the system's authorities too.
    :raises UnreachableError: when the CA cannot be read.
    """
    return tls.server_context(
        owner=f"context {context.name!r}",
        ca_file=context.ca_file,
        ca_data=context.ca_data,
        insecure=context.insecure_skip_verify,
        system_roots=system_roots,
    )


def proxy_of(context: Context) -> str | None:
    """Return the URL of a context's proxy, which is not to be shown; the kubeconfig's was checked with the rest of it.

    :raises UnreachableError: when the environment's is none.
    """
    if context.proxy and not proxies.usable(context.proxy):
        raise UnreachableError(
            f"context {context.name!r}: HTTPS_PROXY or HTTP_PROXY in the environment is no URL of "
            f"{', '.join(proxies.SCHEMES)}",
            advice=f"correct it, or name {urlsplit(context.server).hostname} in NO_PROXY",
        )
    return context.proxy


def _through_proxy(context: Context, url: str, options: dict[str, Any]) -> urllib3.ProxyManager:
    """Lead TLS to the API server through a CONNECT tunnel; the proxy never sees certificate or token.

    client-go trusts the cluster's CA for an https:// proxy too; we add the system's, and send it no certificate.
    """
    parts = urlsplit(url)
    headers = {}
    if parts.username is not None:
        headers["Proxy-Authorization"] = basic(unquote(parts.username), unquote(parts.password or ""))
    return urllib3.ProxyManager(
        proxies.shown(url),
        proxy_headers=headers,
        proxy_ssl_context=trust_of(context, system_roots=True) if parts.scheme == "https" else None,
        **options,
    )


def _through_socks(context: Context, url: str, options: dict[str, Any]) -> urllib3.PoolManager:
    """Let the proxy resolve the server's name, as Go does."""
    if find_spec("socks") is None:
        raise UnreachableError(
            f"context {context.name!r}: its proxy-url is a SOCKS proxy, which needs PySocks",
            advice="pip install PySocks",
        )
    from urllib3.contrib import socks

    class Plain(lines.Held, socks.SOCKSConnection):
        pass

    class Tls(lines.Held, socks.SOCKSHTTPSConnection):
        pass

    class PlainPool(socks.SOCKSHTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(socks.SOCKSHTTPSConnectionPool):
        ConnectionCls = Tls

    made = socks.SOCKSProxyManager(url.replace("socks5://", "socks5h://", 1), **options)
    made.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
    return made
