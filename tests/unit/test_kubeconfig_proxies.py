"""Which proxy the environment's variables mean for a server: as Go reads them, and so kubectl."""

from __future__ import annotations

import pytest

from airflow_provider_k8s_inventory.exceptions import UnreachableError
from airflow_provider_k8s_inventory.kube.http import pools
from airflow_provider_k8s_inventory.kube.sources import proxies
from airflow_provider_k8s_inventory.kube.sources.contexts import Context

PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("server", "environ", "expected"),
    [
        ("https://a.test", {}, None),
        ("https://a.test", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://a.test", {"https_proxy": PROXY}, PROXY),
        ("https://a.test", {"HTTPS_PROXY": PROXY, "https_proxy": "http://other.test"}, PROXY),
        ("https://a.test", {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, None),
        ("http://a.test", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://a.test", {"HTTPS_PROXY": PROXY}, None),
        ("https://a.test", {"HTTPS_PROXY": "proxy.test:3128"}, PROXY),
        ("https://localhost:6443", {"HTTPS_PROXY": PROXY}, None),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": PROXY}, None),
        ("https://[::1]:6443", {"HTTPS_PROXY": PROXY}, None),
    ],
)
def test_the_scheme_chooses_the_variable(server: str, environ: dict[str, str], expected: str | None) -> None:
    assert proxies.from_environment(server, environ) == expected


@pytest.mark.parametrize(
    ("server", "exceptions"),
    [
        ("https://a.test", "*"),
        ("https://a.test", "a.test"),
        ("https://A.test", "a.TEST"),
        ("https://x.a.test", "a.test"),
        ("https://x.a.test", ".a.test"),
        ("https://x.a.test", "*.a.test"),
        ("https://a.test", "b.test, a.test"),
        ("https://a.test", "a.test:443"),
        ("https://a.test:6443", "a.test:6443"),
        ("https://10.1.2.3:6443", "10.1.2.3"),
        ("https://10.1.2.3:6443", "10.1.2.3:6443"),
        ("https://10.1.2.3:6443", "10.0.0.0/8"),
        ("https://[2001:db8::1]:6443", "2001:db8::/32"),
        ("https://[2001:db8::1]:6443", "[2001:db8::1]:6443"),
    ],
)
def test_no_proxy_asks_for_a_direct_connection(server: str, exceptions: str) -> None:
    assert proxies.from_environment(server, {"HTTPS_PROXY": PROXY, "NO_PROXY": exceptions}) is None


@pytest.mark.parametrize(
    ("server", "exceptions"),
    [
        ("https://a.test", ""),
        ("https://a.test", "b.test"),
        ("https://xa.test", "a.test"),
        ("https://a.test", ".a.test"),
        ("https://a.test:6443", "a.test:443"),
        ("https://10.1.2.3", "11.0.0.0/8"),
        ("https://10.1.2.3", "10.1.2.30"),
        ("https://10.1.2.3:6443", "10.1.2.3:443"),
        ("https://10.1.2.3", "2001:db8::/32"),
    ],
)
def test_no_proxy_does_not_cover_others(server: str, exceptions: str) -> None:
    assert proxies.from_environment(server, {"HTTPS_PROXY": PROXY, "no_proxy": exceptions}) == PROXY


def test_a_proxy_that_is_no_url_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://jane:secret-word@[::1")
    with pytest.raises(UnreachableError, match="HTTPS_PROXY or HTTP_PROXY in the environment is no URL") as caught:
        pools.manager(Context(name="dev", cluster_name="c", server="https://a.test"), None, 1)
    assert "secret-word" not in str(caught.value)
