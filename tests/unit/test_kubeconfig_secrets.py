"""Credentials are listed for those who hide them, and show nowhere by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from tests.kit.kubeconfigs import EXEC_TOKEN, FILE_TOKEN, Folder, client_pair, encoded, exec_credential

V1 = "client.authentication.k8s.io/v1"


def context(user: dict[str, Any], **cluster: str) -> Context:
    document = {
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://a.test"} | cluster}],
        "users": [{"name": "u", "user": user}],
    }
    return kubeconfig.parse(document, source="here").contexts["dev"]


@pytest.mark.parametrize(
    ("user", "secrets"),
    [
        ({}, ()),
        ({"token": "the-token"}, ("the-token",)),
        ({"username": "jane", "password": "the-password"}, ("the-password", "amFuZTp0aGUtcGFzc3dvcmQ=")),
        (
            {
                "client-certificate-data": encoded(client_pair().certificate),
                "client-key-data": encoded(client_pair().key),
            },
            (client_pair().key,),
        ),
        (
            {
                "exec": {
                    "apiVersion": V1,
                    "command": "login",
                    "args": ["get-token", "--login", "device", "--client-secret", "one", "--password=two", "--key"],
                    "env": [{"name": "CLIENT_SECRET", "value": "the-secret"}, {"name": "PROFILE", "value": "prod"}],
                }
            },
            ("the-secret", "one", "two"),
        ),
        (
            {
                "auth-provider": {
                    "name": "oidc",
                    "config": {"id-token": "a.b.c", "client-secret": "s", "client-id": "i"},
                }
            },
            ("a.b.c", "s"),
        ),
    ],
    ids=["none", "token", "password", "certificate", "exec", "auth-provider"],
)
def test_the_secrets_of_a_context(user: dict[str, Any], secrets: tuple[str, ...]) -> None:
    assert context(user).secrets() == secrets


def test_a_token_file_is_a_secret_too(tmp_path: Path) -> None:
    Folder(tmp_path)
    assert context({"tokenFile": str(tmp_path / "token"), "token": "the-token"}).secrets() == ("the-token", FILE_TOKEN)


def test_a_token_that_was_sent_stays_a_secret_when_its_file_has_another(tmp_path: Path) -> None:
    file = Folder(tmp_path).path / "token"
    it = context({"tokenFile": str(file)})
    it.credentials.authentication()
    file.write_text("another-token")
    assert it.redact(f"{FILE_TOKEN} another-token") == "*** ***"


def test_what_a_command_gave_is_a_secret_from_then_on(tmp_path: Path) -> None:
    command = Folder(tmp_path).command("plugin", f"echo '{exec_credential(token=EXEC_TOKEN)}'")
    it = context({"exec": {"apiVersion": V1, "command": str(command)}})
    it.credentials.authentication()
    assert it.secrets() == (EXEC_TOKEN,)


def test_the_password_of_a_proxy_is_a_secret() -> None:
    it = context({}, **{"proxy-url": "http://jane:the%20password@proxy.test:3128"})
    assert it.secrets() == ("jane:the%20password", "jane:the password", "the%20password", "the password")


def test_the_password_of_the_environments_proxy_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://jane:the-password@proxy.test:3128")
    assert context({}).redact("the-password") == "***"


def test_no_repr_shows_a_secret() -> None:
    it = context(
        {
            "token": "the-token",
            "client-certificate-data": encoded(client_pair().certificate),
            "client-key-data": encoded(client_pair().key),
        },
        **{"proxy-url": "http://jane:the-password@proxy.test"},
    )
    shown = repr(
        (
            it,
            it.credentials,
            it.credentials.authentication().certificate,
            kubeconfig.Kubeconfig(contexts={"dev": it}, current=None, source="here"),
        )
    )
    assert not any(secret in shown for secret in (*it.secrets(), "the-password"))


def test_redacting_leaves_nothing_of_a_secret_that_holds_another() -> None:
    it = context({"token": "abcdef"}, **{"proxy-url": "http://jane:abcdef-more@proxy.test"})
    assert it.redact("abcdef, abcdef-more, jane:abcdef-more") == "***, ***, ***"


def test_redacting_leaves_short_words_alone() -> None:
    assert context({"token": "abc"}).redact("abc abcdef") == "abc abcdef"
    assert context({"token": "abcdef"}).redact("abc abcdef") == "abc ***"
