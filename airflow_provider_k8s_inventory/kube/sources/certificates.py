"""Client certificates and their private keys: read from text or files, and given to OpenSSL without touching a disk."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.sources import pem

_LARGEST: Final = 4 << 20
"""Bytes of a file with PEM in it; the authorities of a whole system have 250 kB."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ClientCertificate:
    """A certificate and its private key, each as PEM text or as a file; the text wins."""

    owner: str
    """The owner, for messages."""
    certificate_file: str = ""
    certificate_data: str = ""
    key_file: str = ""
    key_data: str = ""

    def secrets(self) -> tuple[str, ...]:
        """Return the private key's text, when it is not in a file."""
        return (self.key_data,) if self.key_data else ()

    def text(self) -> str:
        """Return the certificate and those it was issued by, in PEM.

        :raises OSError: when its file cannot be read.
        """
        return "".join(pem.certificates(self.certificate_data or content(self.certificate_file)))

    def load_into(self, context: ssl.SSLContext) -> None:
        """Present this certificate in the context's handshakes.

        :raises UnauthorizedError: when it cannot be read, or the key is not the certificate's.
        """
        try:
            chain, key = self.text(), pem.private_key(self.key_data or content(self.key_file))
        except OSError as error:
            raise UnauthorizedError(
                f"{self.owner}: the client certificate cannot be read: {error.filename}: {error.strerror}",
                advice="copy it to this machine, or embed it in the kubeconfig (kubectl config view --flatten)",
            ) from error
        if not chain or not key:
            lacking = "client-key holds no private key" if chain else "client-certificate holds no certificate"
            raise UnauthorizedError(
                f"{self.owner}: the client certificate cannot be used: {lacking} in PEM", advice="correct it"
            )
        with ExitStack() as files:
            try:
                # OpenSSL's module for Python reads certificates and keys from files only, and opens each file once.
                chain_name, key_name = (files.enter_context(_in_memory(text)) for text in (chain, key))
            except OSError as error:
                raise UnauthorizedError(
                    f"{self.owner}: the client certificate, which is good, cannot be handed to OpenSSL: "
                    f"{error.strerror}",
                    advice="mount /dev/fd on this machine",
                ) from error
            try:
                context.load_cert_chain(chain_name, key_name, password=self._no_password)
            except (OSError, ValueError) as error:
                raise UnauthorizedError(
                    f"{self.owner}: the client certificate cannot be used: {reason_of(error)}",
                    advice="check that client-certificate and client-key are PEM and belong together",
                ) from error

    def _no_password(self) -> NoReturn:
        """Refuse an encrypted key; without this OpenSSL would ask for its password on the terminal."""
        raise UnauthorizedError(
            f"{self.owner}: the client key is encrypted, and a kubeconfig has no place for its password",
            advice="decrypt it",
        )


def content(path: str) -> str:
    """Read a file with PEM in it, and around it text in any encoding.

    :raises OSError: when it cannot be read, or does not end: a Connection may name any, such as ``/dev/zero``.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file has NUL in its name") from error
    if len(data) > _LARGEST:
        raise OSError(errno.EFBIG, f"it has more than {_LARGEST >> 20} MiB", path)
    return data.decode(errors="replace")


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Give a text a name under which it can be opened as a file, once; a private key touches no disk.

    :raises OSError: when this machine has no such names.
    """
    handle = _held(text.encode())
    try:
        name = f"/dev/fd/{handle}"
        if not os.path.exists(name):
            raise FileNotFoundError(errno.ENOENT, "there is no /dev/fd")
        yield name
    finally:
        os.close(handle)


def _held(content: bytes) -> int:
    """Return a file descriptor from which the content can be read.

    Of memory, on Linux. It counts as a file to `ulimit -f`, though, and other systems have none: then of a pipe, which
    holds some kilobytes, and would wait for more readers than ours if this process was forked meanwhile.
    """
    if not hasattr(os, "memfd_create"):
        return _piped(content)
    handle = os.memfd_create("pem")
    try:
        written = os.write(handle, content)
    except OSError:
        written = -1
    if written == len(content):
        return handle
    os.close(handle)
    return _piped(content)


def _piped(content: bytes) -> int:
    readable, writable = os.pipe()
    try:
        os.set_blocking(writable, False)
        if os.write(writable, content) < len(content):
            raise OSError(errno.EFBIG, "it is longer than a pipe")
    except OSError:
        os.close(readable)
        raise
    finally:
        os.close(writable)
    return readable


def reason_of(error: OSError | ValueError) -> str:
    """Say an error in words, without OpenSSL's source lines; ssl.SSLError is an OSError."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "it is not PEM"
