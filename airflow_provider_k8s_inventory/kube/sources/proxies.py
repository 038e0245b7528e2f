"""Choose the proxy that leads to an API server: the kubeconfig's, else the environment's, by Go's rules.

Connecting through proxies is in `pools`.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

SCHEMES: Final = ("http", "https", "socks5", "socks5h")
"""The kinds of proxies that Go knows; the last two need PySocks here."""
_PORTS: Final = {"http": 80, "https": 443}


def usable(url: str) -> bool:
    """Tell if it is the URL of a proxy."""
    try:
        parts = urlsplit(url)
        return parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def secrets(url: str) -> tuple[str, ...]:
    """Return the parts of a proxy's URL that no message may hold, as they are written and as the proxy is sent them."""
    userinfo = url.rpartition("://")[2].partition("/")[0].rpartition("@")[0]
    password = userinfo.partition(":")[2]
    return (userinfo, unquote(userinfo), password, unquote(password))


def shown(url: str) -> str:
    """Return a proxy's URL without user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def from_environment(server: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy's URL; None for a direct connection.

    https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config, which client-go follows. Python's own reading
    (`urllib.request.getproxies`) knows no CIDR in ``NO_PROXY``, and every cluster's documentation tells to put one in.

    :param server: the API server's URL.
    :param environ: ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` count, or the same in small letters.
    """
    parts = urlsplit(server)
    name = f"{parts.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name)
    if not proxy or not parts.hostname:
        return None
    exceptions = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if _bypassed(parts.hostname, parts.port or _PORTS[parts.scheme], exceptions):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _bypassed(host: str, port: int, exceptions: str) -> bool:
    """Tell if a direct connection is due; this machine is never asked for through a proxy."""
    if host == "localhost" or _loopback(host):
        return True
    rules = (rule.strip().lower() for rule in exceptions.split(","))
    return any(_covers(rule, host, port) for rule in rules if rule)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _covers(rule: str, host: str, port: int) -> bool:
    """Tell if a rule covers a host: ``*``, a network, an address or a domain; the last two may end in a port."""
    if rule == "*":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return _covers_name(*_without_port(rule), host, port)
    try:
        return address in ip_network(rule, strict=False)
    except ValueError:
        name, wanted = _without_port(rule)
        return name.strip("[]") == host and wanted in {"", str(port)}


def _covers_name(name: str, wanted: str, host: str, port: int) -> bool:
    """Tell if a domain covers a host: itself and what is below it; with a leading dot only the latter."""
    if wanted not in {"", str(port)}:
        return False
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _without_port(rule: str) -> tuple[str, str]:
    """Return the rule and its port, ``""`` when it has none."""
    name, colon, port = rule.rpartition(":")
    return (name, port) if colon and port.isdigit() else (rule, "")
