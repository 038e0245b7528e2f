"""What is wrong with one context is told when that context is used, and stops no other."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_k8s_inventory.exceptions import ScopeError, UnauthorizedError, UnreachableError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from tests.kit.kubeconfigs import authority, encoded

SECRET = "never-to-be-shown"
V1 = "client.authentication.k8s.io/v1"


def contexts(cluster: Any = None, user: Any = None, context: Any = None) -> dict[str, Context]:
    """A kubeconfig with a context ``bad`` of these parts, and a good one."""
    good = {"server": "https://good.test", "insecure-skip-tls-verify": True}
    document = {
        "contexts": [
            {"name": "bad", "context": {"cluster": "c", "user": "u"} | (context or {})},
            {"name": "good", "context": {"cluster": "good", "user": "good"}},
        ],
        "clusters": [{"name": "c", "cluster": good if cluster is None else cluster}, {"name": "good", "cluster": good}],
        "users": [{"name": "u", "user": {} if user is None else user}, {"name": "good", "user": {"token": "token"}}],
    }
    return dict(kubeconfig.parse(document, source="kubeconfig /x").contexts)


def problem(context: Context) -> ScopeError:
    with Client(context) as client, pytest.raises(ScopeError) as caught:
        client.get("/version")
    assert SECRET not in str(caught.value)
    assert str(caught.value).startswith("context 'bad'")
    return caught.value


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({}, "no `server`"),
        ({"server": ""}, "no `server`"),
        ({"server": 1}, r"Expected `str`, got `int` - at `\$.server`"),
        ({"server": "ftp://a.test"}, "`server` is no http:// or https:// URL"),
        ({"server": "https://"}, "`server` is no http:// or https:// URL"),
        ({"server": "https://a.test:port"}, "`server` is no http:// or https:// URL"),
        ({"server": "https://[::1"}, "`server` is no http:// or https:// URL"),
        ({"server": f"https://jane:{SECRET}@a.test"}, "`server` holds a user name"),
        ({"server": "https://a.test", "insecure-skip-tls-verify": "yes"}, r"Expected `bool`.*insecure-skip-tls-verify"),
        ({"server": "https://a.test", "certificate-authority-data": "%%%"}, "certificate-authority-data is not base64"),
        (
            {"server": "https://a.test", "certificate-authority": "a", "insecure-skip-tls-verify": True},
            "both a certificate authority and insecure-skip-tls-verify",
        ),
        (
            {"server": "https://a.test", "proxy-url": f"ftp://jane:{SECRET}@p.test"},
            "proxy-url is no URL of http, https",
        ),
        ({"server": "https://a.test", "proxy-url": "p.test:3128"}, "proxy-url is no URL of http, https"),
        ({"server": "https://a.test", "tls-server-name": ".b.test"}, "tls-server-name is no host name"),
        ({"server": "https://a.test", "tls-server-name": "b" * 64}, "tls-server-name is no host name"),
        ({"server": "https://a.test", "certificate-authority": "/no/ca.crt"}, "CA in .*/no/ca.crt .*No such file"),
        ({"server": "https://a.test", "certificate-authority": "/dev/zero"}, "CA in .*/dev/zero .*more than 4 MiB"),
        (
            {"server": "https://a.test", "certificate-authority-data": base64.b64encode(b"no PEM").decode()},
            "the CA in certificate-authority-data cannot be read",
        ),
    ],
)
def test_a_broken_cluster_is_unreachable(cluster: dict[str, Any], words: str) -> None:
    error = problem(contexts(cluster=cluster)["bad"])
    assert isinstance(error, UnreachableError)
    with pytest.raises(UnreachableError, match=words):
        raise error


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"token": 12345678}, r"Expected `str`, got `int` - at `\$.token`.*needs quotes"),
        ({"token": f"{SECRET}\n"}, "the token holds characters that no HTTP header may hold"),
        ({"token": f"{SECRET} ü"}, "the token holds characters that no HTTP header may hold"),
        ({"token": SECRET, "username": "jane"}, "both a token and a user name or password"),
        ({"tokenFile": "/no/token"}, "the token file /no/token cannot be used: No such file"),
        ({"client-certificate": "/no/crt"}, "a client certificate without its key"),
        ({"client-certificate": "/no/crt", "client-key": "/no/key"}, "cannot be read: /no/crt: No such file"),
        ({"client-certificate-data": "YQ==", "client-key-data": SECRET}, "client-key-data is not base64"),
        ({"client-certificate-data": "YQ==", "client-key-data": "YQ=="}, "the client certificate cannot be used"),
        ({"as-groups": ["admins"]}, "without `as`"),
        ({"as": "jane\nX-Other: header"}, "whom it acts as holds characters"),
        (
            {"exec": {"command": "a", "apiVersion": V1}, "auth-provider": {"name": "oidc"}},
            "both exec and auth-provider",
        ),
        ({"exec": {"apiVersion": V1}}, "lacks a command"),
        (
            {"exec": {"command": "a", "apiVersion": V1, "env": [{"value": SECRET}]}},
            "lacks a command, or the name of a variable",
        ),
        ({"exec": {"command": "a"}}, "is of no apiVersion"),
        ({"exec": {"command": "a", "apiVersion": f"{V1}alpha1"}}, r"is of .*/v1alpha1; update it"),
        (
            {"exec": {"command": "a", "apiVersion": V1, "interactiveMode": "Always"}},
            "interactiveMode Always, and nobody is here to type anything",
        ),
    ],
)
def test_a_broken_user_is_unauthorized(user: dict[str, Any], words: str) -> None:
    error = problem(contexts(user=user)["bad"])
    assert isinstance(error, UnauthorizedError)
    with pytest.raises(UnauthorizedError, match=words):
        raise error


@pytest.mark.parametrize(
    ("context", "error", "words"),
    [
        ({"cluster": "gone"}, UnreachableError, r"names the cluster 'gone', .*; its clusters: 'c', 'good'"),
        ({"user": "gone"}, UnauthorizedError, r"names the user 'gone', .*; its users: 'u', 'good'"),
        ({"cluster": ""}, UnreachableError, "names the cluster ''"),
        ({"namespace": 1}, UnreachableError, r"Expected `str`, got `int` - at `\$.namespace`"),
    ],
)
def test_a_context_that_names_what_is_not_there(context: dict[str, Any], error: type[ScopeError], words: str) -> None:
    with pytest.raises(error, match=words):
        raise problem(contexts(context=context)["bad"])


@pytest.mark.parametrize("kind", ["contexts", "clusters", "users"])
def test_two_entries_of_one_name_are_not_guessed_between(kind: str) -> None:
    document: dict[str, Any] = {
        "contexts": [{"name": "bad", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://a.test"}}],
        "users": [{"name": "u", "user": {"token": "token"}}],
    }
    document[kind] *= 2
    with pytest.raises(ScopeError, match="kubeconfig /x has two entries of the same name"):
        raise problem(kubeconfig.parse(document, source="kubeconfig /x").contexts["bad"])


def test_an_encrypted_key_is_not_asked_a_password_for(tmp_path: Path) -> None:
    pair = authority().issue("jane", client=True, password="secret")
    (tmp_path / "crt").write_text(pair.certificate)
    (tmp_path / "key").write_text(pair.key)
    user = {"client-certificate": str(tmp_path / "crt"), "client-key": str(tmp_path / "key")}
    with pytest.raises(UnauthorizedError, match="the client key is encrypted"):
        raise problem(contexts(user=user)["bad"])


def test_a_key_of_another_certificate_is_refused() -> None:
    mine, other = authority().issue("jane", client=True), authority().issue("john", client=True)
    user = {"client-certificate-data": encoded(mine.certificate), "client-key-data": encoded(other.key)}
    with pytest.raises(UnauthorizedError, match="cannot be used: key values mismatch"):
        raise problem(contexts(user=user)["bad"])


def test_the_other_contexts_can_be_used() -> None:
    good = contexts(cluster={}, user={"token": 1}, context={"user": "gone"})["good"]
    assert good.problem is None
    assert good.credentials.authentication().authorization == "Bearer token"
