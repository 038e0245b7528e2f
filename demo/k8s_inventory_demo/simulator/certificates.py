"""The certificate authority of one simulated server: its own certificate, and those of its clients.

Who a certificate speaks for is read in `access`.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME: Final = timedelta(days=3650)
_NAMES: Final = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc.cluster.local")
_ADDRESSES: Final = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)
    kept_as: Path | None = None
    """The file that holds the certificate, if one does; that of the key is its neighbour."""

    @property
    def key_kept_as(self) -> Path | None:
        """The file that holds the key, if one does."""
        return self.kept_as and self.kept_as.with_suffix(".key")

    def write(self, folder: Path, name: str) -> Pair:
        """Keep it as ``name.crt`` and ``name.key``, the key for the owner's eyes only."""
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.certificate)
        with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(self.key)
        return replace(self, kept_as=certificate)

    @classmethod
    def read(cls, folder: Path, name: str) -> Pair | None:
        """Read what `write` kept, if it did."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        if not (certificate.exists() and key.exists()):
            return None
        return cls(certificate.read_bytes(), key.read_bytes(), certificate)


def _new_key() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key, pem


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # for clients whose clock is behind
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """A certificate authority.

    :param folder: where it and what it issues are kept and found again; ``None`` for memory only.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self._name = name
        self._folder = folder
        self._pair = self._kept("ca", self._new)
        self._certificate = x509.load_pem_x509_certificate(self._pair.certificate)
        key = serialization.load_pem_private_key(self._pair.key, password=None)
        self._key = cast(ec.EllipticCurvePrivateKey, key)

    @property
    def pair(self) -> Pair:
        """The authority's own certificate and key."""
        return self._pair

    def token(self, user: str) -> str:
        """Make a bearer token for a user: as secret and as lasting as the authority's key."""
        return hmac.new(self._pair.key, user.encode(), hashlib.sha256).hexdigest()

    def client(self, user: str, groups: Iterable[str]) -> Pair:
        """Make a certificate that proves a user: the common name is the user's, the organizations are the groups."""
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        return self._kept(f"client-{user}", lambda: self._issue(subject, ExtendedKeyUsageOID.CLIENT_AUTH))

    def server_context(self) -> ssl.SSLContext:
        """TLS for the server: clients may show a certificate, and then it must be ours."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self._pair.certificate.decode())
        pair = self._kept("apiserver", self._new_server)
        with tempfile.TemporaryDirectory() as folder:  # Python's ssl reads keys from files only
            written = pair.write(Path(folder), "apiserver")
            context.load_cert_chain(str(written.kept_as), str(written.key_kept_as))
        return context

    def _kept(self, name: str, make: Callable[[], Pair]) -> Pair:
        """Read what the folder holds under this name, or make it now."""
        if self._folder is None:
            return make()
        return Pair.read(self._folder, name) or make().write(self._folder, name)

    def _new(self) -> Pair:
        key, pem = _new_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{self._name}-ca")])
        builder = _builder(name, name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(authority=True), critical=True)
        return Pair(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), pem)

    def _new_server(self) -> Pair:
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in _NAMES]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in _ADDRESSES]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        return self._issue(subject, ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(names))

    def _issue(self, subject: x509.Name, usage: x509.ObjectIdentifier, *extensions: x509.ExtensionType) -> Pair:
        key, pem = _new_key()
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = _builder(subject, self._certificate.subject, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(authority=False), critical=True)
        for extension in (issuer_key, x509.ExtendedKeyUsage([usage]), *extensions):
            builder = builder.add_extension(extension, critical=False)
        return Pair(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), pem)
