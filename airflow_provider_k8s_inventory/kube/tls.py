"""TLS of one context: whom to trust and what certificate to present.

Every context has an `ssl.SSLContext` of its own, so that nothing one cluster asks for touches another.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError, UnreachableError


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
        """The certificate, in PEM.

        :raises OSError: when its file cannot be read.
        """
        return self.certificate_data or Path(self.certificate_file).read_text(encoding="utf-8")

    def load_into(self, context: ssl.SSLContext) -> None:
        """Present this certificate in the context's handshakes.

        :raises UnauthorizedError: when it cannot be read, or the key is not the certificate's.
        """
        try:
            if self.certificate_data or self.key_data:
                self._load_texts(context)
            else:
                context.load_cert_chain(self.certificate_file, self.key_file, password=self._no_password)
        except FileNotFoundError as error:
            files = " or ".join(name for name in (self.certificate_file, self.key_file) if name)
            raise UnauthorizedError(
                f"{self.owner}: the client certificate cannot be read: no file {files}; "
                "copy it to this machine, or embed it in the kubeconfig (kubectl config view --flatten)"
            ) from error
        except (OSError, ValueError) as error:
            raise UnauthorizedError(
                f"{self.owner}: the client certificate cannot be used: {_reason(error)}; "
                "check that client-certificate and client-key are PEM and belong together"
            ) from error

    def _load_texts(self, context: ssl.SSLContext) -> None:
        """Through a file only we can read: OpenSSL's Python module reads certificate chains from nothing else."""
        certificate = self.text()
        key = self.key_data or Path(self.key_file).read_text(encoding="utf-8")
        handle, name = tempfile.mkstemp(suffix=".pem")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{certificate}\n{key}\n")
            context.load_cert_chain(name, password=self._no_password)
        finally:
            os.unlink(name)

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
    try:
        if ca_data:
            context.load_verify_locations(cadata=ca_data)
        elif ca_file:
            context.load_verify_locations(cafile=ca_file)
    except (OSError, ValueError) as error:
        where = "certificate-authority-data" if ca_data else f"certificate-authority {ca_file}"
        raise UnreachableError(
            f"{owner}: the CA in {where} cannot be read: {_reason(error)}; "
            "check that it is PEM and that this machine's user may read it"
        ) from error
    return context


def _reason(error: OSError | ValueError) -> str:
    """In words, without OpenSSL's source lines; ssl.SSLError is an OSError."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "it is not PEM"
