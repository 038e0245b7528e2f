"""Authenticate by the auth providers that kubeconfigs had before exec plugins (gcp, oidc), by the official client.

It is imported only here, and only when such a context sends its first request; other credentials are our own.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.sources import quoting
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.credentials import Authentication, Credentials, checked_token
from airflow_provider_k8s_inventory.kube.sources.redacting import excerpt


class Provider(msgspec.Struct, frozen=True):
    """The ``auth-provider`` of a user entry."""

    name: str = ""
    config: dict[str, str] = {}


class LegacyCredentials(Credentials):
    """Credentials that the official client gets; renewed tokens are not written to the kubeconfig."""

    def __init__(self, provider: Provider, *, server: str, certificate: ClientCertificate | None, owner: str) -> None:
        """Keep what the official client needs; it is imported at the first request.

        :param server: the API server's URL.
        :param certificate: the one beside the provider.
        :param owner: the owner, for messages.
        """
        self._provider = provider
        self._server = server
        self._certificate = certificate
        self._owner = f"{owner}: its auth-provider {provider.name}"
        self._lock = threading.Lock()
        self._configuration: Any = None
        self._token = ""
        """The one that the official client gave last."""

    def authentication(self) -> Authentication:
        """Authenticate by the token, which the official client renews when it has expired, and the certificate."""
        with self._lock:
            try:
                header = self._header()
            except Exception as error:
                raise UnauthorizedError(
                    f"{self._owner} gives no token ({type(error).__name__}: {self._shown(error)})",
                    advice="log in again with kubectl, or change the user to an exec plugin",
                ) from None
        if not header:
            raise UnauthorizedError(
                f"{self._owner} gives no token: the official client does not know it any more, or nobody is logged in",
                advice="change the user to an exec plugin",
            )
        self._token = checked_token(header.removeprefix("Bearer "), self._owner)
        return Authentication(authorization=f"Bearer {self._token}", certificate=self._certificate)

    def secrets(self) -> tuple[str, ...]:
        """Return the provider's tokens and client secret, and the token that it has renewed."""
        key = self._certificate.secrets() if self._certificate else ()
        values = (value for name, value in self._provider.config.items() if "token" in name or "secret" in name)
        return tuple(text for text in (*key, *values, self._token) if text)

    def _header(self) -> str | None:
        if self._configuration is None:
            self._configuration = _configuration(self._provider, self._server)
        # Runs the refresh hook. Which key holds the header has changed between releases.
        key = self._configuration.get_api_key_with_prefix
        header: str | None = key("authorization") or key("BearerToken")
        return header

    def _shown(self, error: Exception) -> str:
        return excerpt(quoting.redacted(str(error), self.secrets()), quoting.LONGEST_EXCERPT)


def _configuration(provider: Provider, server: str) -> Any:
    """Let the official client read a kubeconfig with this one user in it."""
    from kubernetes import client, config

    # An own one: else the loader changes the default of the whole process.
    configuration = client.Configuration()
    entry: Mapping[str, Any] = {"name": provider.name, "config": copy.deepcopy(provider.config)}
    document = {
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "it", "user": {"auth-provider": entry}}],
    }
    config.load_kube_config_from_dict(document, context="it", client_configuration=configuration, persist_config=False)
    return configuration
