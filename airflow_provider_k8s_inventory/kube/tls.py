"""TLS of one context: whom to trust and what certificate to present.

Every context has an `ssl.SSLContext` of its own, so that nothing one cluster asks for touches another.
"""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError, UnreachableError
from airflow_provider_k8s_inventory.kube import pem

_LARGEST: Final = 4 << 20
"""Bytes of a file with PEM in it; the authorities of a whole system have 250 kB."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ClientCertificate:
    """A certificate and its private key, each as PEM text or as a file; the text wins."""

    owner: str
    """Whose it is, for messages."""
    certificate_file: str = ""
    certificate_data: str = ""
    key_file: str = ""
    key_data: str = ""

    def secrets(self) -> tuple[str, ...]:
        """The private key's text, when it is not in a file."""
        return (self.key_data,) if self.key_data else ()

    def text(self) -> str:
        """The certificate and those it was issued by, in PEM.

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
                f"{self.owner}: the client certificate cannot be read: {error.filename}: {error.strerror}; "
                "copy it to this machine, or embed it in the kubeconfig (kubectl config view --flatten)"
            ) from error
        if not chain or not key:
            lacking = "client-key holds no private key" if chain else "client-certificate holds no certificate"
            raise UnauthorizedError(
                f"{self.owner}: the client certificate cannot be used: {lacking} in PEM; correct it"
            )
        with ExitStack() as files:
            try:
                # OpenSSL's module for Python reads certificates and keys from files only, and opens each file once.
                chain_name, key_name = (files.enter_context(_in_memory(text)) for text in (chain, key))
            except OSError as error:
                raise UnauthorizedError(
                    f"{self.owner}: the client certificate, which is good, cannot be handed to OpenSSL: "
                    f"{error.strerror}; that takes /dev/fd on this machine"
                ) from error
            try:
                context.load_cert_chain(chain_name, key_name, password=self._no_password)
            except (OSError, ValueError) as error:
                raise UnauthorizedError(
                    f"{self.owner}: the client certificate cannot be used: {_reason(error)}; "
                    "check that client-certificate and client-key are PEM and belong together"
                ) from error

    def _no_password(self) -> NoReturn:
        """Called for encrypted keys only; without it OpenSSL would ask on the terminal."""
        raise UnauthorizedError(
            f"{self.owner}: the client key is encrypted, and a kubeconfig has no place for its password; decrypt it"
        )


def server_context(
    *, owner: str, ca_file: str | None, ca_data: str | None, insecure: bool, system_roots: bool = False
) -> ssl.SSLContext:
    """How to verify a server.

    :param owner: whose it is, for messages.
    :param ca_file: the file with the certificates to trust.
    :param ca_data: their PEM text; wins over the file. With neither, the system's are trusted.
    :param insecure: verify nothing.
    :param system_roots: trust the system's certificates too.
    :raises UnreachableError: when the CA cannot be read.
    """
    # Not `ssl.create_default_context`: from Python 3.13 it sets VERIFY_X509_STRICT, which refuses the CAs of many
    # clusters for lack of an authority key identifier. https://github.com/kubernetes-client/python/issues/2394
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    # As Go: any certificate of the file may be the anchor, and common names are no host names.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    if system_roots or not (ca_data or ca_file):
        context.load_default_certs()
    if ca_data or ca_file:
        _trust(context, owner, ca_file, ca_data)
    return context


def _trust(context: ssl.SSLContext, owner: str, ca_file: str | None, ca_data: str | None) -> None:
    """Trust every certificate of a CA that can be read, as Go's `CertPool.AppendCertsFromPEM`: one must be."""
    where = "certificate-authority-data" if ca_data else f"certificate-authority {ca_file}"
    try:
        found = pem.certificates(ca_data or content(ca_file or ""))
    except OSError as error:
        raise UnreachableError(
            f"{owner}: the CA in {where} cannot be read: {_reason(error)}; "
            "check that this machine's user may read it, or embed it in the kubeconfig (kubectl config view --flatten)"
        ) from error
    problem: OSError | ValueError = ValueError()
    trusted = 0
    for certificate in found:
        try:
            context.load_verify_locations(cadata=certificate)
            trusted += 1
        except (OSError, ValueError) as error:
            problem = error
    if not trusted:
        raise UnreachableError(
            f"{owner}: the CA in {where} cannot be read: {_reason(problem)}; check that it holds certificates in PEM"
        ) from problem


def content(path: str) -> str:
    """A file with PEM in it, and around it text in any encoding.

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
    """The name under which a text can be opened as a file, once; a private key touches no disk.

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
    """A handle from which the content can be read.

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


def _reason(error: OSError | ValueError) -> str:
    """In words, without OpenSSL's source lines; ssl.SSLError is an OSError."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "it is not PEM"
