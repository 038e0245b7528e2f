"""Run a credential command, and read the ExecCredential that it prints: a token or a client certificate.

Nothing that it prints is ever shown. Which command to run, and when, is in `execplugins`.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import KubeconfigError
from airflow_provider_k8s_inventory.kube import stopping
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.credentials import Authentication
from airflow_provider_k8s_inventory.kube.sources.documents import decode
from airflow_provider_k8s_inventory.kube.sources.entries import converted
from airflow_provider_k8s_inventory.kube.sources.goyaml import NotYamlError

TIMEOUT: Final[float] = 60
"""Seconds; logging in to a cloud takes up to ten."""
LARGEST: Final = 1 << 20
"""Bytes it may print; a credential has some kilobytes."""
_PIECE: Final = 1 << 16
_POLL: Final = 0.01
"""Seconds between two looks whether a process that has printed all has ended."""
SKEW: Final = timedelta(seconds=10)
"""The time before its expiry from which a credential is taken for expired: the request has still to travel."""
_ZERO: Final = datetime(1, 1, 1, tzinfo=UTC)
_VERSIONS: Final = frozenset(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
"""The versions that there have been; anything else that stands there is not quoted."""


class InvalidCredentialError(Exception):
    """An output that holds no credential; the message goes on from the command's name, and quotes nothing of it."""


class _Status(msgspec.Struct, rename="camel", frozen=True):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _ExecCredential(msgspec.Struct, rename="camel", frozen=True):
    """Fields of https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ objects."""

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
        """Whether it can still be used."""
        return self.expires is None or datetime.now(UTC) + SKEW < self.expires

    @property
    def authentication(self) -> Authentication:
        """The part of it that a request carries."""
        return Authentication(
            authorization=f"Bearer {self.token}" if self.token else None, certificate=self.certificate
        )

    def secrets(self) -> tuple[str, ...]:
        """Return the token and the private key."""
        return (self.token, *(self.certificate.secrets() if self.certificate else ()))


def parse(output: bytes, api_version: str) -> Credential:
    """Read the credential in what a plugin printed: JSON or YAML, as client-go's decoder takes both.

    :param api_version: the one it was asked for.
    :raises InvalidCredentialError: when there is none in it.
    """
    credential = _decoded(output)
    if credential.kind != "ExecCredential":
        raise InvalidCredentialError("printed no ExecCredential; is it a credential plugin?")
    if credential.api_version != api_version:
        spoken = credential.api_version if credential.api_version in _VERSIONS else "another version"
        raise InvalidCredentialError(
            f"printed an ExecCredential of {spoken}, not of {api_version}; write its version into the kubeconfig"
        )
    status = credential.status
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        raise InvalidCredentialError("gave a certificate without a key, or a key without one; update it")
    if not status.token and not status.client_key_data:
        raise InvalidCredentialError("gave neither a token nor a certificate; log in with it by hand")
    certificate = None
    if status.client_key_data:
        data, key = status.client_certificate_data, status.client_key_data
        certificate = ClientCertificate(owner="", certificate_data=data, key_data=key)
    return Credential(token=status.token, certificate=certificate, expires=_expiry(status.expiration_timestamp))


def _expiry(said: datetime | None) -> datetime | None:
    """Return the time of its expiry; Go's zero time means never: ``a.exp.IsZero()`` in client-go's exec.go."""
    expires = said and said.replace(tzinfo=said.tzinfo or UTC)
    return None if expires == _ZERO else expires


def _decoded(output: bytes) -> _ExecCredential:
    try:
        return converted(_ExecCredential, decode(output, "what it printed"))
    except KubeconfigError:
        problem = "neither JSON nor YAML"
    except NotYamlError:
        problem = "a value that cannot be read"
    except msgspec.ValidationError as error:
        problem = str(error)
    raise InvalidCredentialError(f"printed no ExecCredential: {problem}; is it a credential plugin?")


class CommandError(Exception):
    """A command that gave nothing; the message goes on from the command's name."""

    def __init__(self, message: str, *, missing: bool = False, started: bool = False, said: str = "") -> None:
        super().__init__(message)
        self.started = started
        """False when the system could not start it, so that it has said nothing."""
        self.missing = missing
        """True when there is no such command."""
        self.said = said
        """All it wrote to standard error, as it came. It may hold credentials."""


def run(command: Sequence[str], environ: Mapping[str, str], *, timeout: float | None = None) -> bytes:
    """Return what the command prints on standard output.

    :param timeout: seconds; None means `TIMEOUT`.
    :raises CommandError: when it cannot be started, fails, takes too long, or prints too much.
    """
    stopping.current().check()
    try:
        process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # no terminal to ask on, and a group that can be ended as one
        )
    except FileNotFoundError:
        if shutil.which(command[0], path=environ.get("PATH")):
            raise CommandError(
                "cannot be started: its first line names no program; are its line ends those of Windows?"
            ) from None
        raise CommandError("is not on this machine", missing=True) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "an argument or variable holds NUL, or a name ="
        raise CommandError(f"cannot be started: {why}") from None
    output, errors = bytearray(), bytearray()
    limit = TIMEOUT if timeout is None else timeout
    with process:
        try:
            with stopping.current().calling(lambda: _end(process)):
                why = _collect(process, output, errors, limit)
        finally:
            if process.poll() is None:
                _end(process)
    stopping.current().check()
    if why := why or (f"failed with exit status {process.returncode}" if process.returncode else ""):
        raise CommandError(why, started=True, said=errors.decode(errors="replace"))
    return bytes(output)


def _collect(process: subprocess.Popen[bytes], output: bytearray, errors: bytearray, limit: float) -> str:
    """Collect what a process prints until it ends; return why it must be ended, ``""`` when it has ended.

    A helper that it leaves behind may keep standard error open, as kubectl, which hands on its own, does not notice.
    When it keeps standard output open, for which kubectl waits for ever, the limit ends the wait.
    """
    ends = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        printing = selector.register(process.stdout, selectors.EVENT_READ, output)  # type: ignore[arg-type]
        selector.register(process.stderr, selectors.EVENT_READ, errors)  # type: ignore[arg-type]
        while True:
            printed = printing.fd not in selector.get_map()
            ended = printed and process.poll() is not None
            left = ends - time.monotonic()
            ready = selector.select(0 if ended else min(left, _POLL) if printed else left)
            for key, _ in ready:
                if piece := os.read(key.fd, _PIECE):
                    key.data.extend(piece)
                else:
                    selector.unregister(key.fileobj)
            if len(output) + len(errors) > LARGEST:
                return f"printed more than {LARGEST >> 20} MiB"
            if ended:
                return ""
            if left <= 0:
                return "" if output and process.poll() is not None else f"did not end within {limit:g} seconds"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
