"""What an exec plugin prints: a token or a client certificate, and until when it is good.

Nothing of it is ever shown. The plugin is run in `execplugins`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.credentials import Proof, checked_token
from airflow_provider_k8s_inventory.kube.tls import ClientCertificate

SKEW: Final = timedelta(seconds=10)
"""So much before its expiry a credential is taken for expired: the request has still to travel."""


class _Status(msgspec.Struct, rename="camel", frozen=True):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: datetime | None = None


class _Answer(msgspec.Struct, rename="camel", frozen=True):
    """What we know of https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ objects."""

    kind: str
    api_version: str
    status: _Status = _Status()


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Credential:
    """A token, a client certificate, or both."""

    token: str = ""
    certificate: ClientCertificate | None = None
    expires: datetime | None = None
    """None: good until the API server says otherwise."""

    @property
    def good(self) -> bool:
        """Whether it can still be used."""
        return self.expires is None or datetime.now(UTC) < self.expires - SKEW

    @property
    def proof(self) -> Proof:
        """What a request carries of it."""
        return Proof(authorization=f"Bearer {self.token}" if self.token else None, certificate=self.certificate)

    def secrets(self) -> tuple[str, ...]:
        """The token and the private key."""
        return (self.token, *(self.certificate.secrets() if self.certificate else ()))


def understand(output: bytes, api_version: str, owner: str) -> Credential:
    """The credential in what a plugin printed.

    :param api_version: the one it was asked for.
    :param owner: the context and the command, for messages.
    :raises UnauthorizedError: when there is none in it.
    """
    try:
        answer = msgspec.json.decode(output, type=_Answer)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise UnauthorizedError(f"{owner} printed no ExecCredential: {error}; is it a credential plugin?") from None
    if answer.kind != "ExecCredential" or answer.api_version != api_version:
        raise UnauthorizedError(
            f"{owner} printed a {answer.kind} of {answer.api_version}, not an ExecCredential of {api_version}; "
            "write the version it speaks into the kubeconfig"
        )
    status, expires = answer.status, answer.status.expiration_timestamp
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        raise UnauthorizedError(f"{owner} gave a certificate without a key, or a key without one; update it")
    if not status.token and not status.client_key_data:
        raise UnauthorizedError(f"{owner} gave neither a token nor a certificate; log in with it by hand")
    return Credential(
        token=checked_token(status.token, owner) if status.token else "",
        certificate=_certificate(status, owner),
        expires=expires.replace(tzinfo=expires.tzinfo or UTC) if expires else None,
    )


def _certificate(status: _Status, owner: str) -> ClientCertificate | None:
    if not status.client_certificate_data or not status.client_key_data:
        return None
    return ClientCertificate(
        owner=owner, certificate_data=status.client_certificate_data, key_data=status.client_key_data
    )
