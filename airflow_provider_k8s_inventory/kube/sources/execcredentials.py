"""Reading what an exec plugin prints: a token or a client certificate, and until when it is good.

Nothing of it is ever shown. The plugin is run in `execplugins`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import KubeconfigError
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.credentials import Proof
from airflow_provider_k8s_inventory.kube.sources.documents import decode
from airflow_provider_k8s_inventory.kube.sources.entries import converted
from airflow_provider_k8s_inventory.kube.sources.goyaml import NotYamlError

SKEW: Final = timedelta(seconds=10)
"""So much before its expiry a credential is taken for expired: the request has still to travel."""
_ZERO: Final = datetime(1, 1, 1, tzinfo=UTC)
_VERSIONS: Final = frozenset(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
"""Those that there have been; anything else that stands there is not quoted."""


class NoAnswerError(Exception):
    """It holds no credential; the message goes on from the command's name, and quotes nothing of it."""


class _Status(msgspec.Struct, rename="camel", frozen=True):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _Answer(msgspec.Struct, rename="camel", frozen=True):
    """The fields we know of https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ objects."""

    kind: str = ""
    api_version: str = ""
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
        """True while it can be used."""
        return self.expires is None or datetime.now(UTC) + SKEW < self.expires

    @property
    def proof(self) -> Proof:
        """The part of it that a request carries."""
        return Proof(authorization=f"Bearer {self.token}" if self.token else None, certificate=self.certificate)

    def secrets(self) -> tuple[str, ...]:
        """The token and the private key."""
        return (self.token, *(self.certificate.secrets() if self.certificate else ()))


def understand(output: bytes, api_version: str) -> Credential:
    """The credential in what a plugin printed: JSON or YAML, as client-go's decoder takes both.

    :param api_version: the one it was asked for.
    :raises NoAnswerError: when there is none in it.
    """
    answer = _decoded(output)
    if answer.kind != "ExecCredential":
        raise NoAnswerError("printed no ExecCredential; is it a credential plugin?")
    if answer.api_version != api_version:
        spoken = answer.api_version if answer.api_version in _VERSIONS else "another version"
        raise NoAnswerError(
            f"printed an ExecCredential of {spoken}, not of {api_version}; write its version into the kubeconfig"
        )
    status = answer.status
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        raise NoAnswerError("gave a certificate without a key, or a key without one; update it")
    if not status.token and not status.client_key_data:
        raise NoAnswerError("gave neither a token nor a certificate; log in with it by hand")
    certificate = None
    if status.client_key_data:
        data, key = status.client_certificate_data, status.client_key_data
        certificate = ClientCertificate(owner="", certificate_data=data, key_data=key)
    return Credential(token=status.token, certificate=certificate, expires=_expiry(status.expiration_timestamp))


def _expiry(said: datetime | None) -> datetime | None:
    """The time of its expiry; Go's zero time means never: ``a.exp.IsZero()`` in client-go's exec.go."""
    expires = said and said.replace(tzinfo=said.tzinfo or UTC)
    return None if expires == _ZERO else expires


def _decoded(output: bytes) -> _Answer:
    try:
        return converted(_Answer, decode(output, "what it printed"))
    except KubeconfigError:
        problem = "neither JSON nor YAML"
    except NotYamlError:
        problem = "a value that cannot be read"
    except msgspec.ValidationError as error:
        problem = str(error)
    raise NoAnswerError(f"printed no ExecCredential: {problem}; is it a credential plugin?")
